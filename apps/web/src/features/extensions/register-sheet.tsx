'use client';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { RevisionView } from '@tenon/contract';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { useTRPC } from '../../api/client.ts';
import { errorAt, problemOf } from '../../api/problem.ts';
import { Button } from '../../ui/button.tsx';
import { Sheet } from '../../ui/dialog.tsx';
import { AreaField, CheckField, SelectField, TextField } from '../../ui/field.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { sayDone } from '../../ui/toast.tsx';
import { EXAMPLE_MANIFEST, type RegisterForm, registerBody } from './register-form.ts';

/** Registers an extension that runs out of process, or a new revision of one. */
export function RegisterSheet({ onClose, of }: { readonly onClose: () => void; readonly of?: RevisionView }) {
  const trpc = useTRPC();
  const router = useRouter();
  const queries = useQueryClient();
  const [form, setForm] = useState<RegisterForm>({
    manifest: of ? JSON.stringify(of.manifest, null, 2) : EXAMPLE_MANIFEST,
    kind: of?.transport.kind === 'grpc' ? 'grpc' : 'http',
    target: of?.transport.url ?? '',
    secret: '',
    signedAnswers: of?.transport.signedAnswers ?? false,
  });
  const [local, setLocal] = useState<Readonly<Record<string, string>>>({});
  const settled = {
    onSuccess: async (extension: { readonly name: string; readonly latest: string }) => {
      sayDone(`${extension.name} ${extension.latest} registered`, 'It does nothing until an activation says for which sandboxes.');
      await queries.invalidateQueries(trpc.extensions.pathFilter());
      onClose();
      if (!of) router.push(`/extensions/${encodeURIComponent(extension.name)}`);
    },
  };
  const register = useMutation(trpc.extensions.register.mutationOptions(settled));
  const addRevision = useMutation(trpc.extensions.addRevision.mutationOptions(settled));
  const failure = register.error ?? addRevision.error;
  const problem = failure ? problemOf(failure) : null;
  const at = (...pointers: readonly string[]) =>
    pointers.map((pointer) => local[pointer]).find((error) => error !== undefined) ?? errorAt(problem, ...pointers);
  const set = (part: Partial<RegisterForm>) => setForm((old) => ({ ...old, ...part }));
  const submit = () => {
    const { body, errors } = registerBody(form);
    setLocal(errors);
    if (body === null) return;
    if (of) addRevision.mutate({ name: of.manifest.name, ...body });
    else register.mutate(body);
  };
  return (
    <Sheet
      open
      onClose={onClose}
      width="wide"
      title={of ? `New revision of ${of.manifest.name}` : 'Register an extension'}
      lede="Tenon asks it to describe itself; its answer must equal this manifest."
      footer={
        <>
          <span className="flex-1" />
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" busy={register.isPending || addRevision.isPending} onClick={submit}>
            {of ? 'Register revision' : 'Register'}
          </Button>
        </>
      }
    >
      <div className="grid gap-4 px-3 py-4 md:grid-cols-[minmax(0,1.4fr)_minmax(0,1fr)] md:px-5">
        <AreaField
          label="Manifest"
          note="JSON"
          mono
          rows={20}
          value={form.manifest}
          error={at('/manifest', '/manifest/*')}
          onChange={(event) => set({ manifest: event.target.value })}
        />
        <div className="grid content-start gap-4">
          <SelectField
            label="Transport"
            choices={[
              { value: 'http', label: 'HTTP' },
              { value: 'grpc', label: 'gRPC' },
            ]}
            value={form.kind}
            error={at('/transport/kind')}
            onChange={(event) => set({ kind: event.target.value === 'grpc' ? 'grpc' : 'http' })}
          />
          <TextField
            label={form.kind === 'http' ? 'URL' : 'Target'}
            mono
            placeholder={form.kind === 'http' ? 'http://127.0.0.1:9000' : '127.0.0.1:9001'}
            hint="Loopback and Unix sockets (unix:/path.sock) are allowed; others must stand in the operator's allow-list."
            value={form.target}
            error={at('/transport/url', '/transport/target', '/transport')}
            onChange={(event) => set({ target: event.target.value })}
          />
          <TextField
            label="Secret"
            type="password"
            autoComplete="new-password"
            hint="Signs every call. It is stored encrypted and never shown again."
            value={form.secret}
            error={at('/transport/secret')}
            onChange={(event) => set({ secret: event.target.value })}
          />
          <CheckField label="Demand signed answers" checked={form.signedAnswers} onChange={(event) => set({ signedAnswers: event.target.checked })} />
        </div>
        {problem ? (
          <div className="md:col-span-2">
            <ProblemNote problem={problem} />
          </div>
        ) : null}
      </div>
    </Sheet>
  );
}
