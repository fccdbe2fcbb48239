'use client';
import type { DriverView, ExtensionView } from '@tenon/contract';
import { ROLES } from '@tenon/vocabulary';
import { AreaField, CheckField, SelectField, TextField } from '../../ui/field.tsx';
import { SchemaForm } from '../../ui/schema-form.tsx';
import type { ActivationForm } from './activation-form.ts';

interface FieldsProps {
  readonly form: ActivationForm;
  readonly onChange: (part: Partial<ActivationForm>) => void;
  readonly onConfigError: (error: string | null) => void;
  /** An existing activation keeps its extension. */
  readonly fixed: boolean;
  readonly extensions: readonly ExtensionView[];
  readonly drivers: readonly DriverView[];
  readonly errorAt: (pointer: string) => string | null;
}

const modes = [
  { value: 'enforce', label: 'enforce: it acts' },
  { value: 'shadow', label: 'shadow: what it would do is recorded' },
  { value: 'disabled', label: 'disabled: creates go on without it' },
];
const grants = [
  { value: 'nobody', label: 'nobody' },
  { value: 'limited', label: 'some workspaces or roles' },
  { value: 'anybody', label: 'anybody' },
];

export function ActivationFields({ form, onChange, onConfigError, fixed, extensions, drivers, errorAt }: FieldsProps) {
  const extension = extensions.find(({ name }) => name === form.extension);
  const revision = extension?.revisions.find(({ revision: own }) => own === (form.revision || extension.latest));
  const manifest = revision?.manifest;
  const onRequest = manifest?.activation.mode === 'on_request';
  return (
    <div className="grid gap-4 px-3 py-4 md:grid-cols-2 md:px-5">
      <SelectField
        label="Extension"
        note="required"
        disabled={fixed}
        choices={[{ value: '', label: 'choose' }, ...extensions.map(({ name }) => ({ value: name, label: name }))]}
        value={form.extension}
        error={errorAt('/extension')}
        onChange={(event) => onChange({ extension: event.target.value, revision: '', config: {} })}
      />
      <SelectField
        label="Revision"
        choices={[
          ...(fixed ? [] : [{ value: '', label: extension ? `latest (${extension.latest}), pinned when saved` : 'latest' }]),
          ...(extension?.revisions ?? []).map(({ revision: own }) => ({ value: own, label: own })),
        ]}
        value={form.revision}
        error={errorAt('/revision')}
        onChange={(event) => onChange({ revision: event.target.value })}
      />
      <SelectField
        label="Mode"
        choices={modes}
        value={form.mode}
        error={errorAt('/mode')}
        onChange={(event) => onChange({ mode: event.target.value as ActivationForm['mode'] })}
      />
      <div className="grid grid-cols-2 gap-3">
        <TextField
          label="Percentage"
          note="% of new sandboxes"
          inputMode="decimal"
          disabled={onRequest}
          hint={onRequest ? 'Only for extensions that are not asked for.' : undefined}
          value={form.percentage}
          error={errorAt('/percentage')}
          onChange={(event) => onChange({ percentage: event.target.value })}
        />
        <TextField
          label="Order"
          inputMode="numeric"
          hint="Lower acts earlier."
          value={form.order}
          error={errorAt('/order')}
          onChange={(event) => onChange({ order: event.target.value })}
        />
      </div>
      <fieldset className="grid content-start gap-1">
        <legend className="mb-1 font-medium">Drivers</legend>
        {drivers.map(({ name }) => (
          <CheckField
            key={name}
            label={name}
            checked={form.drivers.includes(name)}
            onChange={(event) => onChange({ drivers: event.target.checked ? [...form.drivers, name] : form.drivers.filter((each) => each !== name) })}
          />
        ))}
        <p className="text-sm text-ink3">None chosen: every driver.</p>
        {errorAt('/scope/drivers') ? <p className="text-sm text-bad">{errorAt('/scope/drivers')}</p> : null}
      </fieldset>
      <TextField
        label="Workspaces"
        mono
        hint="Parted by commas. Empty: every workspace."
        value={form.workspaces}
        error={errorAt('/scope/workspaces') ?? errorAt('/scope')}
        onChange={(event) => onChange({ workspaces: event.target.value })}
      />
      {onRequest ? (
        <fieldset className="grid content-start gap-3 md:col-span-2 md:grid-cols-3">
          <legend className="mb-1 font-medium">Who may ask for it</legend>
          <SelectField
            label="May be asked for by"
            choices={grants}
            value={form.grant}
            error={errorAt('/grant')}
            onChange={(event) => onChange({ grant: event.target.value as ActivationForm['grant'] })}
          />
          {form.grant === 'limited' ? (
            <>
              <TextField
                label="In workspaces"
                mono
                hint="Empty: any."
                value={form.grantWorkspaces}
                error={errorAt('/grant/workspaces')}
                onChange={(event) => onChange({ grantWorkspaces: event.target.value })}
              />
              <fieldset>
                <legend className="mb-1 font-medium">Roles</legend>
                <div className="flex gap-3">
                  {ROLES.map((role) => (
                    <CheckField
                      key={role}
                      label={role}
                      checked={form.grantRoles.includes(role)}
                      onChange={(event) =>
                        onChange({ grantRoles: event.target.checked ? [...form.grantRoles, role] : form.grantRoles.filter((each) => each !== role) })
                      }
                    />
                  ))}
                </div>
                <p className="mt-1 text-sm text-ink3">None chosen: any.</p>
              </fieldset>
            </>
          ) : null}
        </fieldset>
      ) : null}
      <fieldset className="grid content-start gap-3 md:col-span-2">
        <legend className="mb-1 font-medium">Config</legend>
        {errorAt('/config') ? <p className="text-sm text-bad">{errorAt('/config')}</p> : null}
        {manifest ? (
          manifest.configSchema === null ? (
            <p className="text-ink3">This extension takes no config.</p>
          ) : (
            <SchemaForm
              key={`${form.extension} ${form.revision}`}
              label="Config"
              schema={manifest.configSchema}
              value={form.config}
              errorOf={(pointer) => errorAt(`/config${pointer}`)}
              onChange={(config, error) => {
                onChange({ config });
                onConfigError(error);
              }}
            />
          )
        ) : (
          <p className="text-ink3">Choose the extension first: its config form comes from its schema.</p>
        )}
      </fieldset>
      <details className="md:col-span-2">
        <summary className="font-medium">More</summary>
        <div className="mt-3 grid gap-4 md:grid-cols-2">
          <TextField
            label="Keys that a request may set"
            mono
            hint="Parted by commas."
            value={form.requestSettable}
            error={errorAt('/requestSettable')}
            onChange={(event) => onChange({ requestSettable: event.target.value })}
          />
          <AreaField
            label="Overrides"
            note="one a line"
            mono
            placeholder="base-labels /labels/team"
            hint="Fields of other extensions that it may change. Its manifest must name the extension too."
            value={form.overrides}
            error={errorAt('/overrides')}
            onChange={(event) => onChange({ overrides: event.target.value })}
          />
          {manifest ? (
            <fieldset className="grid gap-2 md:col-span-2 md:grid-cols-3">
              <legend className="mb-1 font-medium">On failure</legend>
              {manifest.hooks.map(({ phase, onFailure }) => (
                <SelectField
                  key={phase}
                  label={phase}
                  choices={[
                    { value: '', label: `as the manifest says (${onFailure})` },
                    { value: 'fail', label: 'fail the run' },
                    { value: 'warn', label: 'warn and go on' },
                  ]}
                  value={form.failurePolicy[phase] ?? ''}
                  error={errorAt(`/failurePolicy/${phase}`)}
                  onChange={(event) => {
                    const others = Object.fromEntries(Object.entries(form.failurePolicy).filter(([each]) => each !== phase));
                    onChange({ failurePolicy: event.target.value === '' ? others : { ...others, [phase]: event.target.value as 'fail' | 'warn' } });
                  }}
                />
              ))}
            </fieldset>
          ) : null}
        </div>
      </details>
    </div>
  );
}
