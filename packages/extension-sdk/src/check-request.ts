import { Refusal } from './refusal.ts';
import { CONTRACT, type HookRequest, type ReleaseRequest } from './wire.ts';

type Fields = { readonly [key: string]: unknown };

/** The few fields that the handler itself relies on are checked; the rest is Tenon's word. */
export function checkHookRequest(body: unknown): HookRequest {
  const request = fields(body, 'the body');
  if (request.contract !== CONTRACT) throw new Refusal(400, `contract is ${JSON.stringify(request.contract)}; this extension speaks ${CONTRACT}`);
  text(request.phase, 'phase');
  const run = fields(request.run, 'run');
  text(run.id, 'run.id');
  text(run.idempotencyKey, 'run.idempotencyKey');
  if (!Number.isInteger(run.attempt)) throw new Refusal(400, 'run.attempt must be a whole number');
  sandbox(request.sandbox);
  if (!('value' in fields(request.plan, 'plan'))) throw new Refusal(400, 'plan.value is missing');
  // The check above is what this type promises, as far as the handler uses it.
  return body as HookRequest;
}

export function checkReleaseRequest(body: unknown): ReleaseRequest {
  const request = fields(body, 'the body');
  text(request.idempotencyKey, 'idempotencyKey');
  text(request.reason, 'reason');
  sandbox(request.sandbox);
  if (!Array.isArray(request.effects)) throw new Refusal(400, 'effects must be a list');
  request.effects.forEach((effect: unknown, index) => {
    const { kind, key } = fields(effect, `effects[${index}]`);
    text(kind, `effects[${index}].kind`);
    text(key, `effects[${index}].key`);
  });
  return body as ReleaseRequest;
}

function sandbox(value: unknown): void {
  const { id, name, workspace } = fields(value, 'sandbox');
  text(id, 'sandbox.id');
  text(name, 'sandbox.name');
  text(workspace, 'sandbox.workspace');
}

function fields(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Refusal(400, `${name} must be an object`);
  return value as Fields;
}

function text(value: unknown, name: string): void {
  if (typeof value !== 'string' || value === '' || value.length > 4096) throw new Refusal(400, `${name} must be text of 1 to 4096 characters`);
}
