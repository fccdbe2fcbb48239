'use client';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { ROLES, type Role } from '@tenon/vocabulary';
import { useState } from 'react';
import { useTRPC } from '../../api/client.ts';
import { errorAt, problemOf } from '../../api/problem.ts';
import { Button } from '../../ui/button.tsx';
import { CopyButton } from '../../ui/copy.tsx';
import { Sheet } from '../../ui/dialog.tsx';
import { CheckField, SelectField, TextField } from '../../ui/field.tsx';
import { ProblemNote } from '../../ui/problem.tsx';

/** Issues a token; its text is shown this once. */
export function IssueTokenSheet({ onClose }: { readonly onClose: () => void }) {
  const trpc = useTRPC();
  const queries = useQueryClient();
  const [form, setForm] = useState({ name: '', role: 'viewer' as Role, workspaces: '', tenant: '', user: '', policy: '', assertClaims: false, days: '' });
  const issue = useMutation(trpc.tokens.create.mutationOptions({ onSuccess: () => queries.invalidateQueries(trpc.tokens.pathFilter()) }));
  const problem = issue.error ? problemOf(issue.error) : null;
  const set = (part: Partial<typeof form>) => setForm((old) => ({ ...old, ...part }));
  const days = Number(form.days);
  const wrongDays = form.days !== '' && !(Number.isFinite(days) && days > 0) ? 'This must be a number of days.' : null;
  const submit = () => {
    const workspaces = form.workspaces.split(/[\s,]+/).filter((part) => part !== '');
    const claims = Object.fromEntries(
      Object.entries({ tenant: form.tenant.trim(), user: form.user.trim(), policy: form.policy.trim() }).filter(([, value]) => value !== ''),
    );
    issue.mutate({
      name: form.name,
      role: form.role,
      workspaces: workspaces.length === 0 ? null : workspaces,
      claims,
      assertClaims: form.assertClaims,
      expiresAt: form.days === '' ? null : new Date(Date.now() + days * 86_400_000).toISOString(),
    });
  };
  if (issue.data) {
    return (
      <Sheet
        open
        onClose={onClose}
        title={`Token ${issue.data.name}`}
        footer={
          <>
            <span className="flex-1" />
            <Button look="primary" onClick={onClose}>
              Done
            </Button>
          </>
        }
      >
        <div className="grid gap-3 px-5 py-4">
          <p>Copy it now: it is stored as a hash and cannot be shown again.</p>
          <div className="flex items-center gap-2 rounded-md border border-rule bg-sunken px-2 py-1">
            <code className="min-w-0 flex-1 wrap-anywhere select-all">{issue.data.token}</code>
            <CopyButton text={issue.data.token ?? ''} label="Copy token" />
          </div>
        </div>
      </Sheet>
    );
  }
  return (
    <Sheet
      open
      onClose={onClose}
      title="Issue a token"
      footer={
        <>
          <span className="flex-1" />
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" denied={wrongDays ?? (form.name.trim() === '' ? 'Give it a name first.' : null)} busy={issue.isPending} onClick={submit}>
            Issue token
          </Button>
        </>
      }
    >
      <div className="grid gap-4 px-5 py-4">
        <TextField label="Name" note="required" value={form.name} error={errorAt(problem, '/name')} onChange={(event) => set({ name: event.target.value })} />
        <SelectField
          label="Role"
          choices={ROLES.map((role) => ({ value: role, label: role }))}
          value={form.role}
          error={errorAt(problem, '/role')}
          onChange={(event) => set({ role: ROLES.find((role) => role === event.target.value) ?? 'viewer' })}
        />
        <TextField
          label="Workspaces"
          mono
          hint="Parted by commas. Empty: all."
          value={form.workspaces}
          error={errorAt(problem, '/workspaces', '/workspaces/*')}
          onChange={(event) => set({ workspaces: event.target.value })}
        />
        <fieldset className="grid grid-cols-3 gap-3">
          <legend className="mb-1 font-medium">Claims</legend>
          <TextField label="Tenant" value={form.tenant} error={errorAt(problem, '/claims/tenant')} onChange={(event) => set({ tenant: event.target.value })} />
          <TextField label="User" value={form.user} error={errorAt(problem, '/claims/user')} onChange={(event) => set({ user: event.target.value })} />
          <TextField label="Policy" value={form.policy} error={errorAt(problem, '/claims/policy')} onChange={(event) => set({ policy: event.target.value })} />
        </fieldset>
        <CheckField
          label="Its requests may carry claims of their own"
          checked={form.assertClaims}
          onChange={(event) => set({ assertClaims: event.target.checked })}
        />
        <TextField
          label="Valid for"
          note="days"
          inputMode="decimal"
          hint="Empty: until it is revoked."
          value={form.days}
          error={wrongDays ?? errorAt(problem, '/expiresAt')}
          onChange={(event) => set({ days: event.target.value })}
        />
        {problem ? <ProblemNote problem={problem} /> : null}
      </div>
    </Sheet>
  );
}
