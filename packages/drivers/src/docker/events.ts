import { setTimeout as pause } from 'node:timers/promises';
import { isObject, toTenonError } from '@tenon/lifecycle';
import { INSTALLATION_LABEL } from '@tenon/vocabulary';
import type { EngineApi } from './engine-api.ts';
import { sandboxOf } from './observation.ts';

/** What may change a workload; the Engine also tells of each exec, attach and copy. */
const TELLING = ['create', 'start', 'die', 'stop', 'kill', 'oom', 'destroy', 'pause', 'unpause', 'restart', 'rename', 'health_status', 'update'];
const RETRY_FIRST_MS = 250;
const RETRY_MOST_MS = 10_000;
const END_MS = 1_000;
/** An event is a line; longer than this it is cut, and then not understood. */
const LINE_BYTES = 1_048_576;

export interface EventWatch {
  /** Why no events come at the moment; null while they do. */
  trouble(): string | null;
  end(): Promise<void>;
}

/** Follows the Engine's events of our containers. Whenever the stream begins, anew too, `onGap` is asked to look at everything: events were missed. */
export function watchEvents(api: EngineApi, installation: string, onEvent: (sandboxId: string) => void, onGap: () => Promise<void>): EventWatch {
  const ending = new AbortController();
  let trouble: string | null = null;

  async function follow(): Promise<void> {
    let wait = RETRY_FIRST_MS;
    while (!ending.signal.aborted) {
      try {
        const filters = { type: ['container'], event: TELLING, label: [`${INSTALLATION_LABEL}=${installation}`] };
        const stream = await api.stream({ method: 'GET', path: ['events'], query: { filters }, signal: ending.signal });
        await onGap();
        trouble = null;
        wait = RETRY_FIRST_MS;
        let rest = '';
        for await (const chunk of stream) {
          const lines = `${rest}${String(chunk)}`.split('\n');
          rest = (lines.pop() ?? '').slice(-LINE_BYTES);
          for (const line of lines) {
            const sandboxId = eventSandbox(line, installation);
            if (sandboxId !== null) onEvent(sandboxId);
          }
        }
        trouble = 'the Engine ended its stream of events';
      } catch (thrown) {
        trouble = toTenonError(thrown, 'driver_unavailable').message;
      }
      if (ending.signal.aborted) return;
      await pause(wait * (0.5 + Math.random() / 2), undefined, { signal: ending.signal }).catch(() => undefined);
      wait = Math.min(wait * 2, RETRY_MOST_MS);
    }
  }

  const following = follow();
  return {
    trouble: () => trouble,
    async end() {
      ending.abort();
      // A look that hangs on a hung Engine ends by its own deadline, with nobody waiting.
      await Promise.race([following, pause(END_MS, undefined, { ref: false })]);
    },
  };
}

/** The sandbox of one event line; null where the line is foreign or malformed: that never stops the watch. */
export function eventSandbox(line: string, installation: string): string | null {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    return null;
  }
  const actor = isObject(event) && isObject(event.Actor) ? event.Actor : null;
  return actor !== null && isObject(actor.Attributes) ? sandboxOf(actor.Attributes as Record<string, string>, installation) : null;
}
