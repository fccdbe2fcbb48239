import * as contract from '@tenon/contract';
import { z } from 'zod';
import type { Route } from './route.ts';

type Schema = Record<string, unknown>;

/** The named schemas of the contract: they become components, and are referred to wherever they stand. */
function namedSchemas(): z.core.$ZodRegistry<{ id: string }> {
  const registry = z.registry<{ id: string }>();
  for (const [name, value] of Object.entries(contract)) {
    if (value instanceof z.ZodType && !registry.has(value)) registry.add(value, { id: name });
  }
  return registry;
}

/** The OpenAPI 3.1 document of the REST door, made from the very routes that are mounted. */
export function openApiDocument(routes: readonly Route[], version: string): Schema {
  const components = new Components(namedSchemas());
  const problem = { description: 'A problem document', content: { 'application/problem+json': { schema: components.of(contract.ProblemView, 'output') } } };
  const paths: Record<string, Schema> = {};
  for (const spec of routes) {
    const item = paths[`/api/v1${spec.path}`] ?? {};
    item[spec.method.toLowerCase()] = operationOf(spec, components, problem);
    paths[`/api/v1${spec.path}`] = item;
  }
  paths['/api/v1/session'] = { ...paths['/api/v1/session'], ...sessionPaths(components, problem) };
  paths['/api/v1/events'] = { get: eventsOperation(components, problem) };
  return {
    openapi: '3.1.0',
    info: { title: 'Tenon', version, description: 'Composable lifecycle extensions for sandbox compute drivers.' },
    security: [{ bearer: [] }, { session: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'tenon_session' },
      },
      schemas: components.all,
    },
  };
}

function operationOf(spec: Route, components: Components, problem: Schema): Schema {
  const names = [...spec.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  const headers = [
    ...(spec.takesIfMatch === undefined ? [] : [{ name: 'If-Match', required: spec.takesIfMatch === 'required' }]),
    ...(spec.method === 'POST' && spec.repeatable !== true ? [{ name: 'Idempotency-Key', required: false }] : []),
  ];
  return {
    tags: [spec.tag],
    summary: spec.summary,
    operationId: `${spec.method.toLowerCase()}${spec.path.replaceAll(/[^A-Za-z]+(\w?)/g, (_all, letter: string) => letter.toUpperCase())}`,
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...(spec.query === undefined ? [] : queryParameters(components.inline(spec.query, 'input'))),
      ...headers.map((header) => ({ ...header, in: 'header', schema: { type: 'string' } })),
    ],
    ...(spec.body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: components.of(spec.body, 'input') } } } }),
    responses: { ...Object.fromEntries(Object.entries(spec.answers).map(([status, answer]) => [status, responseOf(answer, components)])), default: problem },
  };
}

function responseOf(answer: z.ZodType | string | null, components: Components): Schema {
  if (answer === null) return { description: 'Done' };
  if (typeof answer === 'string') return { description: 'Text', content: { [answer]: { schema: { type: 'string' } } } };
  return { description: 'The answer', content: { 'application/json': { schema: components.of(answer, 'output') } } };
}

function queryParameters(schema: Schema): Schema[] {
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const required = (schema.required ?? []) as string[];
  return Object.entries(properties).map(([name, member]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    // Lists are joined by commas.
    ...(member.type === 'array' ? { style: 'form', explode: false } : {}),
    schema: member,
  }));
}

function sessionPaths(components: Components, problem: Schema): Schema {
  const body = { 'application/json': { schema: components.of(contract.SessionBody, 'input') } };
  const view = { 'application/json': { schema: components.of(contract.SessionView, 'output') } };
  return {
    post: {
      tags: ['Access'],
      summary: 'Sign in with a token; sets the session cookie',
      security: [],
      requestBody: { required: true, content: body },
      responses: { 200: { description: 'Signed in', content: view }, default: problem },
    },
    delete: { tags: ['Access'], summary: 'Sign out', responses: { 204: { description: 'Signed out' }, default: problem } },
  };
}

function eventsOperation(components: Components, problem: Schema): Schema {
  return {
    tags: ['Events'],
    summary: 'Server-sent events; each has an EventView as data. `event: reset`: read everything anew',
    parameters: [
      { name: 'Last-Event-ID', in: 'header', required: false, schema: { type: 'string' } },
      ...queryParameters(components.inline(contract.EventQuery, 'input')),
    ],
    responses: {
      200: { description: 'The stream', content: { 'text/event-stream': { schema: components.of(contract.EventView, 'output') } } },
      default: problem,
    },
  };
}

/** Schemas as JSON Schema, the named ones gathered once. */
class Components {
  readonly all: Record<string, Schema> = {};
  readonly #named: z.core.$ZodRegistry<{ id: string }>;

  constructor(named: z.core.$ZodRegistry<{ id: string }>) {
    this.#named = named;
  }

  /** A reference where the schema has a name, else the schema itself. */
  of(schema: z.ZodType, io: 'input' | 'output'): Schema {
    const id = this.#named.get(schema)?.id;
    if (id === undefined) return this.inline(schema, io);
    if (this.all[id] === undefined) this.inline(schema, io);
    return { $ref: `#/components/schemas/${id}` };
  }

  /** The schema itself; what it refers to is gathered. A named one comes back as what its name stands for. */
  inline(schema: z.ZodType, io: 'input' | 'output'): Schema {
    const { $schema: _draft, $defs, id: _id, ...rest } = z.toJSONSchema(schema, { io, metadata: this.#named, unrepresentable: 'any' }) as Schema;
    for (const [name, definition] of Object.entries(($defs ?? {}) as Record<string, Schema>)) {
      const { id: _inner, ...body } = definition;
      this.all[name] ??= refer(body);
    }
    const own = typeof rest.$ref === 'string' ? /^#\/\$defs\/(.+)$/.exec(rest.$ref)?.[1] : undefined;
    return (own === undefined ? undefined : this.all[own]) ?? refer(rest);
  }
}

/** Definitions live under components in OpenAPI. */
function refer(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'));
}
