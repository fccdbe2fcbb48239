'use client';
import type { JsonRecord, JsonValue } from '@tenon/contract';
import { useState } from 'react';
import { AreaField, SelectField, TextField } from './field.tsx';
import { fieldsOfSchema, readField, type SchemaField, writeField } from './json-schema.ts';

interface SchemaFormProps {
  readonly schema: JsonValue | undefined;
  readonly value: JsonRecord;
  readonly onChange: (value: JsonRecord, error: string | null) => void;
  /** The API's error at a field below: by JSON Pointer from the form's root. */
  readonly errorOf: (pointer: string) => string | null;
  readonly label: string;
}

/** A config form drawn from its JSON Schema; what cannot be drawn is edited as JSON. */
export function SchemaForm({ schema, value, onChange, errorOf, label }: SchemaFormProps) {
  const fields = fieldsOfSchema(schema);
  if (fields === null) return <JsonField label={label} value={value} error={errorOf('')} onChange={onChange} />;
  if (fields.length === 0) return <p className="text-ink3">It takes no config.</p>;
  return <Fields fields={fields} value={value} onChange={onChange} errorOf={errorOf} at="" />;
}

interface FieldsProps {
  readonly fields: readonly SchemaField[];
  readonly value: JsonRecord;
  readonly onChange: (value: JsonRecord, error: string | null) => void;
  readonly errorOf: (pointer: string) => string | null;
  readonly at: string;
}

function Fields({ fields, value, onChange, errorOf, at }: FieldsProps) {
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const set = (name: string, next: JsonValue | undefined, error: string | null) => {
    const others = Object.fromEntries(Object.entries(errors).filter(([key]) => key !== name));
    const all = error === null ? others : { ...others, [name]: error };
    setErrors(all);
    const rest = Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
    onChange(next === undefined ? rest : { ...rest, [name]: next }, Object.values(all)[0] ?? null);
  };
  return (
    <div className="grid gap-3">
      {fields.map((field) => {
        const pointer = `${at}/${field.name}`;
        if (field.kind !== 'group')
          return (
            <Leaf
              key={field.name}
              field={field}
              value={value[field.name]}
              error={errors[field.name] ?? errorOf(pointer)}
              onChange={(next, error) => set(field.name, next, error)}
            />
          );
        const inner = value[field.name];
        return (
          <fieldset key={field.name} className="grid gap-3 rounded-md border border-hairline px-3 pt-1 pb-3">
            <legend className="px-1 font-medium">{field.label}</legend>
            <Fields
              fields={field.fields}
              value={typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? inner : {}}
              errorOf={errorOf}
              at={pointer}
              onChange={(next, error) => set(field.name, Object.keys(next).length === 0 && !field.required ? undefined : next, error)}
            />
          </fieldset>
        );
      })}
    </div>
  );
}

interface LeafProps {
  readonly field: SchemaField;
  readonly value: JsonValue | undefined;
  readonly error: string | null;
  readonly onChange: (value: JsonValue | undefined, error: string | null) => void;
}

function Leaf({ field, value, error, onChange }: LeafProps) {
  // The text stays what was typed, also while it is no value yet.
  const [text, setText] = useState(() => writeField(field, value));
  const change = (next: string) => {
    setText(next);
    const read = readField(field, next);
    onChange(read.value, read.error);
  };
  const common = {
    label: field.label,
    error,
    hint:
      [field.hint, field.initial === undefined || /default/i.test(field.hint ?? '') ? null : `Default ${JSON.stringify(field.initial)}`]
        .filter(Boolean)
        .join('. ') || undefined,
    ...(field.required ? { note: 'required' } : {}),
  };
  if (field.kind === 'choice' || field.kind === 'boolean') {
    const choices =
      field.kind === 'boolean'
        ? [
            { value: 'true', label: 'yes' },
            { value: 'false', label: 'no' },
          ]
        : field.choices.map((choice) => ({ value: JSON.stringify(choice), label: String(choice) }));
    return <SelectField {...common} choices={[{ value: '', label: 'not set' }, ...choices]} value={text} onChange={(event) => change(event.target.value)} />;
  }
  if (field.kind === 'list' || field.kind === 'json') {
    return (
      <AreaField
        {...common}
        mono
        rows={field.kind === 'list' ? 2 : 4}
        note={field.kind === 'list' ? 'one a line' : 'JSON'}
        value={text}
        onChange={(event) => change(event.target.value)}
      />
    );
  }
  return <TextField {...common} inputMode={field.kind === 'text' ? 'text' : 'decimal'} value={text} onChange={(event) => change(event.target.value)} />;
}

/** A JSON object as text. */
export function JsonField({
  label,
  value,
  error,
  hint,
  onChange,
}: {
  readonly label: string;
  readonly value: JsonRecord;
  readonly error: string | null;
  readonly hint?: string;
  readonly onChange: (value: JsonRecord, error: string | null) => void;
}) {
  const [text, setText] = useState(() => (Object.keys(value).length === 0 ? '' : JSON.stringify(value, null, 2)));
  const [own, setOwn] = useState<string | null>(null);
  return (
    <AreaField
      label={label}
      note="JSON"
      hint={hint}
      mono
      rows={4}
      error={own ?? error}
      value={text}
      placeholder="{}"
      onChange={(event) => {
        const next = event.target.value;
        setText(next);
        const read = readField({ kind: 'json', choices: [] }, next.trim());
        const object = typeof read.value === 'object' && read.value !== null && !Array.isArray(read.value) ? read.value : undefined;
        const wrong = read.error ?? (read.value !== undefined && object === undefined ? 'This must be a JSON object.' : null);
        setOwn(wrong);
        onChange(object ?? {}, wrong);
      }}
    />
  );
}
