import { type ClientRequest, request } from 'node:http';
import { EventView } from '@tenon/contract';
import { type Client, strictly } from './client.ts';
import { eventually } from './eventually.ts';

/** A server-sent event as it came: `event` is null for the ordinary ones. */
export interface Sent {
  readonly event: string | null;
  readonly id: string | null;
  readonly view: EventView | null;
}

/** A listener at `GET /api/v1/events`. */
export class EventStream {
  readonly sent: Sent[] = [];
  text = '';
  /** The last id that came, with or without an event. */
  lastId: string | null = null;
  ended = false;
  readonly #call: ClientRequest;

  private constructor(call: ClientRequest) {
    this.#call = call;
  }

  /** Settles once the server has told where the stream begins. */
  static async open(api: Client, options: { readonly query?: string; readonly after?: string } = {}): Promise<EventStream> {
    const headers = {
      authorization: `Bearer ${api.token}`,
      ...(options.after === undefined ? {} : { 'last-event-id': options.after }),
    };
    const call = request(`${api.origin}/api/v1/events${options.query ?? ''}`, { headers, agent: false });
    const stream = new EventStream(call);
    await new Promise<void>((settle, fail) => {
      call.once('error', fail);
      call.once('response', (answer) => {
        call.off('error', fail);
        call.on('error', () => stream.close());
        if (answer.statusCode !== 200 || !String(answer.headers['content-type']).startsWith('text/event-stream')) {
          fail(new Error(`the events answered ${answer.statusCode} ${answer.headers['content-type']}`));
        }
        answer.setEncoding('utf8');
        let rest = '';
        answer.on('data', (chunk: string) => {
          stream.text += chunk;
          const blocks = (rest + chunk).split('\n\n');
          rest = blocks.pop() ?? '';
          for (const block of blocks) stream.#take(block);
        });
        answer.once('close', () => {
          stream.ended = true;
        });
        settle();
      });
      call.end();
    });
    if (options.after === undefined) await eventually('the stream says where it begins', () => stream.lastId);
    return stream;
  }

  get events(): EventView[] {
    return this.sent.flatMap(({ view }) => (view === null ? [] : [view]));
  }

  close(): void {
    this.#call.destroy();
  }

  #take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart()]),
    );
    const id = fields.get('id') ?? null;
    const event = fields.get('event') ?? null;
    const data = fields.get('data');
    if (id !== null) this.lastId = id;
    if (data === undefined) return;
    const view = event === null ? strictly(EventView, JSON.parse(data)) : null;
    this.sent.push({ event, id, view });
  }
}
