import type { HookInput, Json } from '@tenon/lifecycle';
import { messageOf } from '@tenon/lifecycle';
import type { ExtensionScript } from '@tenon/lifecycle/testing';
import { answerJson, listen, receive, type TestServer } from './extension-server.ts';

interface HookBody {
  readonly contract: string;
  readonly plan: { readonly value: Json };
}
interface ReleaseBody {
  readonly idempotencyKey: string;
  readonly effects: readonly { readonly kind: string; readonly key: string; readonly handle: Json | null }[];
}

/** Serves a scripted extension over HTTP, in plain Node, as an author without our SDK would. */
export function serveScript(script: ExtensionScript): Promise<TestServer> {
  return listen(async (request, response) => {
    const { path, body } = await receive(request);
    if (path === '/v1/describe') return answerJson(response, script.manifest);
    if (path === '/v1/hook') return answerJson(response, await hook(script, body as unknown as HookBody));
    if (path === '/v1/release') return answerJson(response, await release(script, body as unknown as ReleaseBody));
    if (path === '/v1/list' && script.list) return answerJson(response, { effects: script.list() });
    response.writeHead(404).end();
  });
}

async function hook(script: ExtensionScript, body: HookBody): Promise<unknown> {
  const { contract: _contract, plan, ...input } = body;
  const answer = (await script.hook?.({ input: input as unknown as HookInput, plan: plan.value })) ?? {};
  if ('reply' in answer && (typeof answer.reply !== 'object' || answer.reply === null || Array.isArray(answer.reply))) return answer.reply;
  const patches = Object.entries(answer.set ?? {}).map(([path, value]) => ({ op: 'add', path, value }));
  const logs = (answer.logs ?? []).map((line) => ({ at: new Date().toISOString(), ...line }));
  return { result: 'ok', patches, logs, ...(answer.reply as object | undefined) };
}

async function release(script: ExtensionScript, body: ReleaseBody): Promise<unknown> {
  const released: string[] = [];
  const failed: { key: string; message: string }[] = [];
  for (const effect of body.effects) {
    try {
      await script.release?.({ ...effect, idempotencyKey: body.idempotencyKey });
      released.push(effect.key);
    } catch (thrown) {
      failed.push({ key: effect.key, message: messageOf(thrown) });
    }
  }
  return { released, failed };
}
