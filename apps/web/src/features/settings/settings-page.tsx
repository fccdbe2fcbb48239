'use client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { TokenView } from '@tenon/contract';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Page, PageHead } from '../../shell/page.tsx';
import { Button } from '../../ui/button.tsx';
import { ConfirmSheet } from '../../ui/dialog.tsx';
import { KeyValues, Panel, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { SimpleTable } from '../../ui/simple-table.tsx';
import { Time, useNow } from '../../ui/time.tsx';
import { sayDone } from '../../ui/toast.tsx';
import { useDenied, useSession } from '../session/index.ts';
import { IssueTokenSheet } from './issue-token-sheet.tsx';

/** Who is signed in, and the tokens by which people and machines get in. */
export function SettingsPage() {
  const trpc = useTRPC();
  const session = useSession();
  const denied = useDenied()('admin');
  const tokens = useQuery({ ...trpc.tokens.list.queryOptions({ limit: 200 }), enabled: denied === null });
  const [issuing, setIssuing] = useState(false);
  const [revoking, setRevoking] = useState<TokenView | null>(null);
  return (
    <Page title="Settings" crumbs={[{ label: 'Settings' }]}>
      <PageHead title="Settings" />
      <div className="mt-4 grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <Panel
          title="Tokens"
          actions={
            <Button size="sm" icon={Plus} denied={denied} onClick={() => setIssuing(true)}>
              Issue token
            </Button>
          }
        >
          {denied ? (
            <p className="px-4 py-3 text-ink2">{denied}</p>
          ) : tokens.error ? (
            <ProblemNote className="m-3" problem={problemOf(tokens.error)} onRetry={() => void tokens.refetch()} />
          ) : tokens.data ? (
            <SimpleTable
              label="Tokens"
              rows={tokens.data.items}
              rowKey={(token) => token.id}
              columns={[
                { id: 'name', head: 'Token', cell: (token) => <b className="font-medium">{token.name}</b> },
                { id: 'role', head: 'Role', cell: (token) => token.role },
                { id: 'workspaces', head: 'Workspaces', wide: true, hide: 'narrow', cell: (token) => token.workspaces?.join(', ') ?? 'all' },
                {
                  id: 'created',
                  head: 'Issued',
                  hide: 'narrow',
                  cell: (token) => (
                    <>
                      <Time at={token.createdAt} /> by {token.createdBy}
                    </>
                  ),
                },
                { id: 'state', head: 'State', cell: (token) => <TokenState token={token} /> },
                {
                  id: 'revoke',
                  head: <span className="sr-only">Revoke</span>,
                  align: 'right',
                  cell: (token) =>
                    token.revokedAt === null ? (
                      <Button size="sm" aria-label={`Revoke ${token.name}`} onClick={() => setRevoking(token)}>
                        Revoke
                      </Button>
                    ) : null,
                },
              ]}
            />
          ) : (
            <Skeleton rows={3} />
          )}
        </Panel>
        <div className="grid gap-4">
          <Panel title="You">
            <KeyValues
              className="px-4 py-3"
              rows={[
                ['Token', session.name],
                ['Role', session.role],
                ['Workspaces', session.workspaces?.join(', ') ?? 'all'],
                ...Object.entries(session.claims).map(([name, value]) => [name, value] as const),
                session.expiresAt ? ['Signed in until', <Time key="t" at={session.expiresAt} />] : null,
              ]}
            />
          </Panel>
          <Panel title="About">
            <KeyValues
              className="px-4 py-3"
              rows={[
                ['Version', session.version],
                [
                  'API',
                  <a key="a" href="/api/docs" className="underline">
                    reference
                  </a>,
                ],
              ]}
            />
          </Panel>
        </div>
      </div>
      {issuing ? <IssueTokenSheet onClose={() => setIssuing(false)} /> : null}
      {revoking ? <RevokeSheet token={revoking} own={revoking.id === session.tokenId} onClose={() => setRevoking(null)} /> : null}
    </Page>
  );
}

function TokenState({ token }: { readonly token: TokenView }) {
  const now = useNow();
  if (token.revokedAt)
    return (
      <span className="text-ink3">
        revoked <Time at={token.revokedAt} />
      </span>
    );
  if (token.expiresAt === null) return <>valid</>;
  return now !== 0 && Date.parse(token.expiresAt) < now ? (
    <span className="text-ink3">
      expired <Time at={token.expiresAt} />
    </span>
  ) : (
    <>
      until <Time at={token.expiresAt} />
    </>
  );
}

function RevokeSheet({ token, own, onClose }: { readonly token: TokenView; readonly own: boolean; readonly onClose: () => void }) {
  const trpc = useTRPC();
  const queries = useQueryClient();
  const revoke = useMutation(
    trpc.tokens.revoke.mutationOptions({
      onSuccess: async () => {
        sayDone(`${token.name} is revoked`);
        onClose();
        await queries.invalidateQueries(own ? undefined : trpc.tokens.pathFilter());
      },
    }),
  );
  return (
    <ConfirmSheet
      open
      onClose={onClose}
      title={`Revoke ${token.name}`}
      facts={<p>{own ? 'You are signed in by this token: you will be signed out. ' : ''}Whoever uses it is refused from now on. It cannot be undone.</p>}
      confirm="Revoke token"
      danger
      reason="optional"
      busy={revoke.isPending}
      problem={revoke.error ? <ProblemNote problem={problemOf(revoke.error)} /> : null}
      onConfirm={(reason) => revoke.mutate({ id: token.id, ...(reason === '' ? {} : { reason }) })}
    />
  );
}
