import { EventView } from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiBench, openApi } from '../../testing/api-bench.ts';

interface Received {
  readonly id: string | null;
  readonly event: string;
  readonly data: string | null;
}

describe('the event stream', () => {
  let api: ApiBench;
  let url: string;
  beforeAll(async () => {
    api = await openApi();
    url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(() => api.close());

  /** Reads the stream until `enough` says so, or it ends. */
  async function follow(path: string, enough: (seen: Received[]) => boolean, options: { token?: string; last?: string; onOpen?: () => Promise<unknown> } = {}) {
    const end = new AbortController();
    const response = await fetch(`${url}/api/v1/events${path}`, {
      headers: { authorization: `Bearer ${options.token ?? api.admin}`, ...(options.last === undefined ? {} : { 'last-event-id': options.last }) },
      signal: end.signal,
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const seen: Received[] = [];
    let rest = '';
    let opened = false;
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const chunk = await reader?.read();
      if (chunk === undefined || chunk.done) break;
      rest += chunk.value;
      for (let at = rest.indexOf('\n\n'); at >= 0; at = rest.indexOf('\n\n')) {
        const block = rest.slice(0, at);
        rest = rest.slice(at + 2);
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? null;
        if (field('id') !== null || field('data') !== null) seen.push({ id: field('id'), event: field('event') ?? 'message', data: field('data') });
      }
      if (!opened && seen.length > 0) {
        opened = true;
        await options.onOpen?.();
      }
      if (enough(seen)) break;
    }
    end.abort();
    return seen;
  }

  const create = (name: string, workspace = 'default') =>
    api.ask('POST /sandboxes?wait=10s', { body: { name, workspace, driver: 'docker', template: { image: 'busybox:1' }, command: ['sleep', '60'] } });
  const has = (text: string) => (seen: Received[]) => seen.some(({ data }) => data?.includes(text));

  it('begins now, tells what moves, and resumes after the last id without a gap', async () => {
    const first = await follow('', has('"succeeded"'), { onOpen: () => create('live') });
    expect(first[0]).toMatchObject({ data: null });
    const events = first.slice(1).map(({ data }) => EventView.parse(JSON.parse(data ?? '')));
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['sandbox', 'run', 'attempt', 'effect']));
    const middle = first[3];
    const again = await follow('', has('"succeeded"'), { last: middle?.id ?? '' });
    expect(again.map(({ id }) => id)).toEqual(first.slice(4).map(({ id }) => id));
  });

  it('resets who comes with an id that is no longer kept', async () => {
    const [reset] = await follow('', (seen) => seen.length > 0, { last: '999999999' });
    expect(reset).toMatchObject({ event: 'reset' });
    expect((await follow('?lastEventId=nonsense', (seen) => seen.length > 0))[0]).toMatchObject({ event: 'reset' });
  });

  it('shows a limited token its own workspaces only, and narrows by query', async () => {
    const token = await api.token({ role: 'viewer', workspaces: ['mine'] });
    const seen = await follow('?type=run', has('"succeeded"'), {
      token,
      onOpen: async () => {
        await create('foreign', 'theirs');
        await create('own', 'mine');
      },
    });
    const events = seen.filter(({ data }) => data !== null).map(({ data }) => EventView.parse(JSON.parse(data ?? '')));
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['run']));
    const runs = new Set(events.map(({ runId }) => runId));
    expect(runs.size).toBe(1);
    expect((await api.ask('GET /events?colour=red')).data).toMatchObject({ code: 'unknown_field' });
  });

  it('ends its streams when the server closes', async () => {
    const other = await openApi();
    const address = await other.app.listen({ host: '127.0.0.1', port: 0 });
    const response = await fetch(`${address}/api/v1/events`, { headers: { authorization: `Bearer ${other.admin}` } });
    const text = response.text();
    await other.close();
    expect(await text).toContain('retry:');
  });
});
