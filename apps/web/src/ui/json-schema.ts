import type { JsonValue } from '@tenon/contract';

/** One field of a form that a JSON Schema describes. What a form cannot draw is edited as JSON. */
export interface SchemaField {
  readonly name: string;
  readonly label: string;
  readonly hint: string | null;
  readonly required: boolean;
  readonly kind: 'text' | 'number' | 'integer' | 'boolean' | 'choice' | 'list' | 'group' | 'json';
  readonly choices: readonly JsonValue[];
  readonly initial: JsonValue | undefined;
  readonly fields: readonly SchemaField[];
}

type Schema = { readonly [key: string]: JsonValue };

const isSchema = (value: JsonValue | undefined): value is { [key: string]: JsonValue } => typeof value === 'object' && value !== null && !Array.isArray(value);
const textOf = (value: JsonValue | undefined): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** The fields of an object schema, in its own order; null where the schema is not one that a form can draw as a whole. */
export function fieldsOfSchema(schema: JsonValue | undefined): readonly SchemaField[] | null {
  if (!isSchema(schema)) return null;
  const properties = schema.properties;
  if (!isSchema(properties) || ['allOf', '$ref', 'if'].some((word) => word in schema) || !['oneOf', 'anyOf'].every((word) => onlyRequires(schema[word])))
    return null;
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(properties).map(([name, property]) => fieldOf(name, isSchema(property) ? property : {}, required.includes(name)));
}

/** Alternatives that only say which fields must be given draw nothing of their own: the API says which is missing. */
function onlyRequires(alternatives: JsonValue | undefined): boolean {
  if (alternatives === undefined) return true;
  return (
    Array.isArray(alternatives) &&
    alternatives.length > 0 &&
    alternatives.every((each) => isSchema(each) && Object.keys(each).every((key) => key === 'required'))
  );
}

const isText = (schema: Schema): boolean => schema.type === 'string' || (Array.isArray(schema.enum) && schema.enum.every((each) => typeof each === 'string'));

function fieldOf(name: string, schema: Schema, required: boolean): SchemaField {
  const common = {
    name,
    label: textOf(schema.title) ?? name,
    hint: textOf(schema.description),
    required,
    initial: schema.default,
    choices: [],
    fields: [],
  };
  if (Array.isArray(schema.enum)) return { ...common, kind: 'choice', choices: schema.enum };
  if (schema.const !== undefined) return { ...common, kind: 'choice', choices: [schema.const] };
  switch (schema.type) {
    case 'string':
      return { ...common, kind: 'text' };
    case 'number':
      return { ...common, kind: 'number' };
    case 'integer':
      return { ...common, kind: 'integer' };
    case 'boolean':
      return { ...common, kind: 'boolean' };
    case 'array': {
      const items = schema.items;
      return { ...common, kind: isSchema(items) && isText(items) ? 'list' : 'json' };
    }
    case 'object': {
      const fields = fieldsOfSchema(schema);
      return fields && fields.length > 0 ? { ...common, kind: 'group', fields } : { ...common, kind: 'json' };
    }
    default:
      return { ...common, kind: 'json' };
  }
}

/** What a typed text means for a field; undefined: nothing was given. A text that is no value is said, never guessed. */
export function readField(
  field: Pick<SchemaField, 'kind' | 'choices'>,
  text: string,
): { readonly value: JsonValue | undefined; readonly error: string | null } {
  if (text === '' && field.kind !== 'text') return { value: undefined, error: null };
  switch (field.kind) {
    case 'text':
      return { value: text === '' ? undefined : text, error: null };
    case 'number':
    case 'integer': {
      const number = Number(text);
      if (!Number.isFinite(number)) return { value: undefined, error: `"${text}" is no number.` };
      if (field.kind === 'integer' && !Number.isInteger(number)) return { value: undefined, error: `${text} is no whole number.` };
      return { value: number, error: null };
    }
    case 'boolean':
      return { value: text === 'true', error: null };
    case 'choice':
      return { value: field.choices.find((choice) => JSON.stringify(choice) === text), error: null };
    case 'list':
      return {
        value: text
          .split('\n')
          .map((line) => line.trim())
          .filter((line) => line !== ''),
        error: null,
      };
    default:
      try {
        return { value: JSON.parse(text) as JsonValue, error: null };
      } catch (failure) {
        return { value: undefined, error: `This is no JSON: ${failure instanceof Error ? failure.message : String(failure)}` };
      }
  }
}

/** A value as the text of its field. */
export function writeField(field: Pick<SchemaField, 'kind'>, value: JsonValue | undefined): string {
  if (value === undefined) return '';
  if (field.kind === 'list' && Array.isArray(value)) return value.map(String).join('\n');
  if (field.kind === 'text' && typeof value === 'string') return value;
  if (field.kind === 'json' || field.kind === 'group') return JSON.stringify(value, null, 2);
  return field.kind === 'choice' ? JSON.stringify(value) : String(value);
}
