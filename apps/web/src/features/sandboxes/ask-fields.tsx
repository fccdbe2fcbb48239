'use client';
import { useQuery } from '@tanstack/react-query';
import { useTRPC } from '../../api/client.ts';
import { CheckField } from '../../ui/field.tsx';
import { JsonField } from '../../ui/schema-form.tsx';
import type { CreateForm } from './create-form.ts';

interface AskFieldsProps {
  readonly form: CreateForm;
  readonly onChange: (part: Partial<CreateForm>) => void;
  readonly onError: (name: string, error: string | null) => void;
  readonly errorAt: (...pointers: readonly string[]) => string | null;
}

/** The on-request extensions that a request may ask for; policy decides whether it gets them. */
export function AskFields({ form, onChange, onError, errorAt }: AskFieldsProps) {
  const trpc = useTRPC();
  const extensions = useQuery(trpc.extensions.list.queryOptions({ limit: 200 }));
  const activations = useQuery(trpc.activations.list.queryOptions({ limit: 200 }));
  const offered = (extensions.data?.items ?? []).flatMap((extension) => {
    const manifest = extension.revisions.find(({ revision }) => revision === extension.latest)?.manifest;
    return manifest?.activation.mode === 'on_request' ? [{ name: extension.name, key: manifest.activation.key, killed: extension.killSwitch.on }] : [];
  });
  const settable = (name: string) => [
    ...new Set((activations.data?.items ?? []).filter((each) => each.extension === name).flatMap((each) => each.requestSettable)),
  ];
  if (offered.length === 0) return null;
  return (
    <fieldset className="grid gap-2">
      <legend className="mb-1 font-medium">Ask for extensions</legend>
      {errorAt('/template/labels/*') ? <p className="text-sm text-bad">{errorAt('/template/labels/*')}</p> : null}
      {offered.map(({ name, key, killed }) => {
        const asked = form.asked.includes(key);
        const keys = settable(name);
        return (
          <div key={name} className="grid gap-2">
            <CheckField
              label={`Ask for ${name}`}
              hint={killed ? 'Its kill switch is on: a request that asks for it is refused.' : undefined}
              checked={asked}
              onChange={(event) => onChange({ asked: event.target.checked ? [...form.asked, key] : form.asked.filter((each) => each !== key) })}
            />
            {asked && keys.length > 0 ? (
              <JsonField
                label={`Config for ${name}`}
                hint={`A request may set ${keys.join(', ')}.`}
                value={form.extensionConfig[name] ?? {}}
                error={errorAt(`/extensionConfig/${name}/*`)}
                onChange={(config, error) => {
                  onChange({ extensionConfig: { ...form.extensionConfig, [name]: config } });
                  onError(name, error);
                }}
              />
            ) : null}
          </div>
        );
      })}
    </fieldset>
  );
}
