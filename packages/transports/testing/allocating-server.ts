import type { ServerResponse } from 'node:http';
import type { Manifest } from '@tenon/lifecycle';
import type { Phase } from '@tenon/vocabulary';
import { answerJson, listen, receive, type TestServer } from './extension-server.ts';

/** How a hook goes wrong, each after it has allocated: what it made must be given back although nobody was told of it. */
export const MISDEEDS = ['fails', 'denies', 'hangs', 'answers garbage', 'cuts the line', 'answers 500', 'allocates late', 'echoes another key'] as const;
export type Misdeed = (typeof MISDEEDS)[number];

export interface AllocatingServer extends TestServer {
  /** What is held now, as `<sandbox> <phase>`. */
  readonly held: () => readonly string[];
  /** In this phase, from now on, it does this. */
  misbehave(phase: Phase, misdeed: Misdeed): void;
}

interface Body {
  readonly phase: Phase;
  readonly run: { readonly idempotencyKey: string };
  readonly sandbox: { readonly id: string };
  readonly idempotencyKey: string;
  readonly effects: readonly { readonly key: string; readonly handle: unknown }[];
}

/** An extension that makes one slot in every phase that allows it, idempotent by its key, with the fence of the contract. */
export async function serveAllocating(
  manifest: Manifest,
  options: { readonly allocatesIn: readonly Phase[]; readonly lateMs: number },
): Promise<AllocatingServer> {
  const held = new Map<string, { sandbox: string; key: string }>();
  const fences = new Set<string>();
  let wrong: { phase: Phase; misdeed: Misdeed } | null = null;

  const hook = async ({ phase, run, sandbox }: Body, response: ServerResponse): Promise<void> => {
    const misdeed = wrong?.phase === phase ? wrong.misdeed : null;
    if (misdeed === 'allocates late') await new Promise((resolve) => setTimeout(resolve, options.lateMs));
    if (fences.has(run.idempotencyKey)) return void response.writeHead(409).end('released');
    const allocates = options.allocatesIn.includes(phase);
    if (allocates) held.set(run.idempotencyKey, { sandbox: sandbox.id, key: phase });
    if (misdeed === 'hangs') return;
    if (misdeed === 'cuts the line') return void response.destroy();
    if (misdeed === 'answers 500') return void response.writeHead(500).end('out of memory');
    if (misdeed === 'answers garbage') return void response.end('<html>busy</html>');
    if (misdeed === 'fails') return answerJson(response, { result: 'fail', message: 'no' });
    if (misdeed === 'denies') return answerJson(response, { result: 'deny', message: 'no' });
    if (misdeed === 'echoes another key') return answerJson(response, { result: 'ok', idempotencyKey: 'another' });
    answerJson(response, { result: 'ok', effects: allocates ? [{ kind: 'slot', key: phase, handle: { at: phase } }] : [] });
  };
  const release = ({ sandbox, idempotencyKey, effects }: Body, response: ServerResponse): void => {
    fences.add(idempotencyKey);
    const byKey = effects.length === 0 || effects.some(({ handle }) => handle === null);
    for (const [made, slot] of held) {
      const named = slot.sandbox === sandbox.id && effects.some(({ key }) => key === slot.key);
      if (named || (byKey && made === idempotencyKey)) held.delete(made);
    }
    answerJson(response, { released: effects.map(({ key }) => key), failed: [] });
  };

  const server = await listen(async (request, response) => {
    const { path, body } = await receive(request);
    if (path === '/v1/describe') return answerJson(response, manifest);
    if (path === '/v1/hook') return hook(body as unknown as Body, response);
    if (path === '/v1/release') return release(body as unknown as Body, response);
    response.writeHead(404).end();
  });
  return {
    ...server,
    held: () => [...held.values()].map(({ sandbox, key }) => `${sandbox} ${key}`),
    misbehave: (phase, misdeed) => {
      wrong = { phase, misdeed };
    },
  };
}
