'use client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { DryRunView } from '@tenon/contract';
import { FlaskConical, Play } from 'lucide-react';
import dynamic from 'next/dynamic';
import { useRouter } from 'next/navigation';
import { type FormEvent, useState } from 'react';
import { useTRPC } from '../../api/client.ts';
import { errorAt, problemOf } from '../../api/problem.ts';
import { Page, PageHead } from '../../shell/page.tsx';
import { Button } from '../../ui/button.tsx';
import { CheckField, SelectField, TextField } from '../../ui/field.tsx';
import { PairsField } from '../../ui/pairs-field.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { JsonField } from '../../ui/schema-form.tsx';
import { useDenied, useSession } from '../session/index.ts';
import { AskFields } from './ask-fields.tsx';
import { type CreateForm, createBody, EMPTY_FORM } from './create-form.ts';

const DryRunResult = dynamic(() => import('./dry-run-result.tsx').then((module) => module.DryRunResult), { ssr: false });

/** Creates a sandbox; a dry run first shows the plan that it would get, by author. */
export function CreateSandboxPage() {
  const trpc = useTRPC();
  const router = useRouter();
  const queries = useQueryClient();
  const session = useSession();
  const drivers = useQuery(trpc.drivers.list.queryOptions({ limit: 200 }));
  const [form, setForm] = useState<CreateForm>({ ...EMPTY_FORM, workspace: session.workspaces?.[0] ?? 'default' });
  const [jsonErrors, setJsonErrors] = useState<Readonly<Record<string, string | null>>>({});
  const [local, setLocal] = useState<Readonly<Record<string, string>>>({});
  const [dry, setDry] = useState<{ readonly result: DryRunView; readonly form: CreateForm } | null>(null);
  const dryRun = useMutation(trpc.sandboxes.dryRun.mutationOptions());
  const create = useMutation(
    trpc.sandboxes.create.mutationOptions({
      onSuccess: async ({ run }) => {
        await queries.invalidateQueries(trpc.sandboxes.list.pathFilter());
        router.push(`/runs/${encodeURIComponent(run.id)}`);
      },
    }),
  );
  const denied = useDenied()('operator', form.workspace.trim() || 'default');
  const failure = create.error ?? dryRun.error;
  const problem = failure ? problemOf(failure) : null;
  const names = drivers.data?.items.map(({ name }) => name) ?? [];
  const driver = drivers.data?.items.find(({ name }) => name === form.driver);
  const set = (part: Partial<CreateForm>) => setForm((old) => ({ ...old, ...part }));
  const at = (...pointers: readonly string[]) =>
    pointers.map((pointer) => local[pointer]).find((error) => error !== undefined) ?? errorAt(problem, ...pointers);

  const submit = (mode: 'dry' | 'real') => {
    const { body, errors } = createBody(form);
    setLocal(errors);
    if (Object.keys(errors).length > 0 || Object.values(jsonErrors).some((error) => error !== null)) return;
    if (mode === 'real') {
      dryRun.reset();
      create.mutate(body);
    } else {
      create.reset();
      dryRun.mutate(body, { onSuccess: (result) => setDry({ result, form }) });
    }
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    submit('dry');
  };
  return (
    <Page title="Create a sandbox" crumbs={[{ label: 'Sandboxes', href: '/sandboxes' }, { label: 'Create' }]}>
      <PageHead title="Create a sandbox" lede="A dry run plans it with today's activations and creates nothing." />
      <form onSubmit={onSubmit} noValidate aria-label="Create a sandbox" className="mt-4 grid max-w-224 gap-x-8 gap-y-4 lg:grid-cols-2">
        <div className="grid content-start gap-4">
          <TextField label="Name" note="required" mono required value={form.name} error={at('/name')} onChange={(event) => set({ name: event.target.value })} />
          <TextField label="Workspace" mono value={form.workspace} error={at('/workspace')} onChange={(event) => set({ workspace: event.target.value })} />
          <SelectField
            label="Driver"
            note="required"
            choices={[
              { value: '', label: names.length === 0 && !drivers.isPending ? 'no driver is there' : 'choose' },
              ...(drivers.data?.items ?? []).map(({ name, health, isolation }) => ({
                value: name,
                label: `${name}${health.state === 'healthy' ? '' : `, ${health.state}`}${isolation === 'none' ? ', no isolation' : ''}`,
              })),
            ]}
            value={form.driver}
            error={at('/driver')}
            hint={driver?.isolation === 'none' ? 'This driver isolates nothing: what it runs can reach what Tenon can.' : undefined}
            onChange={(event) => set({ driver: event.target.value })}
          />
          {driver?.kind === 'process' ? null : (
            <TextField label="Image" mono value={form.image} error={at('/template/image')} onChange={(event) => set({ image: event.target.value })} />
          )}
          <TextField
            label="Command"
            mono
            value={form.command}
            error={at('/command', '/command/*')}
            hint="Words are parted as in a shell; nothing is expanded."
            placeholder="sleep 3600"
            onChange={(event) => set({ command: event.target.value })}
          />
          <AskFields form={form} onChange={set} onError={(name, error) => setJsonErrors((old) => ({ ...old, [name]: error }))} errorAt={at} />
        </div>
        <div className="grid content-start gap-4">
          <PairsField
            legend="Environment"
            noun="variable"
            withSecret
            pairs={form.environment}
            errorOf={(name) => at(`/environment/${name}`)}
            hint="A secret is stored encrypted and shown nowhere, not even to extensions."
            onChange={(environment) => set({ environment })}
          />
          <PairsField
            legend="Labels"
            noun="label"
            pairs={form.labels}
            errorOf={(name) => at(`/template/labels/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)}
            onChange={(labels) => set({ labels })}
          />
          <fieldset className="grid grid-cols-2 gap-3">
            <legend className="mb-1 font-medium">Resources</legend>
            <TextField
              label="CPU request"
              mono
              placeholder="250m"
              value={form.cpuRequest}
              error={at('/template/resources/cpuRequest')}
              onChange={(event) => set({ cpuRequest: event.target.value })}
            />
            <TextField
              label="CPU limit"
              mono
              placeholder="500m"
              value={form.cpuLimit}
              error={at('/template/resources/cpuLimit')}
              onChange={(event) => set({ cpuLimit: event.target.value })}
            />
            <TextField
              label="Memory request"
              mono
              placeholder="64Mi"
              value={form.memoryRequest}
              error={at('/template/resources/memoryRequest')}
              onChange={(event) => set({ memoryRequest: event.target.value })}
            />
            <TextField
              label="Memory limit"
              mono
              placeholder="128Mi"
              value={form.memoryLimit}
              error={at('/template/resources/memoryLimit')}
              onChange={(event) => set({ memoryLimit: event.target.value })}
            />
            <TextField
              label="GPUs"
              inputMode="numeric"
              value={form.gpus}
              error={at('/gpu', '/gpu/count')}
              onChange={(event) => set({ gpus: event.target.value })}
            />
          </fieldset>
          <details className="grid gap-3">
            <summary className="font-medium">More</summary>
            <div className="mt-2 grid gap-3">
              <CheckField label="Allocate a terminal" checked={form.tty} onChange={(event) => set({ tty: event.target.checked })} />
              <JsonField
                label="Driver config"
                value={form.driverConfig}
                error={at('/template/driverConfig/*')}
                hint="The driver's own block, without its name."
                onChange={(driverConfig, error) => {
                  set({ driverConfig });
                  setJsonErrors((old) => ({ ...old, driverConfig: error }));
                }}
              />
              <JsonField
                label="Platform config"
                value={form.platformConfig}
                error={at('/template/platformConfig/*')}
                onChange={(platformConfig, error) => {
                  set({ platformConfig });
                  setJsonErrors((old) => ({ ...old, platformConfig: error }));
                }}
              />
              {session.assertClaims ? (
                <fieldset className="grid grid-cols-3 gap-3">
                  <legend className="mb-1 font-medium">Claims</legend>
                  <TextField
                    label="Tenant"
                    value={form.claims.tenant}
                    error={at('/claims/tenant')}
                    onChange={(event) => set({ claims: { ...form.claims, tenant: event.target.value } })}
                  />
                  <TextField
                    label="User"
                    value={form.claims.user}
                    error={at('/claims/user')}
                    onChange={(event) => set({ claims: { ...form.claims, user: event.target.value } })}
                  />
                  <TextField
                    label="Policy"
                    value={form.claims.policy}
                    error={at('/claims/policy')}
                    onChange={(event) => set({ claims: { ...form.claims, policy: event.target.value } })}
                  />
                </fieldset>
              ) : null}
            </div>
          </details>
        </div>
        <div className="grid gap-3 lg:col-span-2">
          {Object.keys(local).length > 0 ? (
            <p role="alert" className="text-bad">
              Something is missing above: {Object.values(local)[0]}
            </p>
          ) : null}
          {problem ? (
            <ProblemNote problem={problem}>
              {problem.runId ? (
                <p>
                  <a
                    className="text-accent underline"
                    href={`/runs/${encodeURIComponent(problem.runId)}${problem.attemptId ? `?attempt=${encodeURIComponent(problem.attemptId)}` : ''}`}
                  >
                    Open the run
                  </a>
                </p>
              ) : null}
            </ProblemNote>
          ) : null}
          <div className="flex flex-wrap items-center gap-2">
            <Button type="submit" look={dry ? 'plain' : 'primary'} icon={FlaskConical} denied={denied} busy={dryRun.isPending}>
              {dryRun.isPending ? 'Planning' : 'Dry run'}
            </Button>
            <Button look={dry ? 'primary' : 'plain'} icon={Play} denied={denied} busy={create.isPending} onClick={() => submit('real')}>
              {create.isPending ? 'Creating' : 'Create sandbox'}
            </Button>
          </div>
        </div>
      </form>
      {dry ? <DryRunResult result={dry.result} outdated={dry.form !== form} /> : null}
    </Page>
  );
}
