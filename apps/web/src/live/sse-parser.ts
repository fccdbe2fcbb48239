/** One message of a server-sent event stream. */
export interface SseMessage {
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

/**
 * Reads a server-sent event stream piece by piece, wherever the pieces are cut.
 * A reader of our own, because EventSource tells nothing of comments (a silent line cannot be told from a dead one)
 * and cannot resume with Last-Event-ID after a new page took the connection over.
 */
export function sseParser(onMessage: (message: SseMessage) => void): (piece: string) => void {
  let rest = '';
  let id: string | null = null;
  let event = '';
  let data: string[] = [];
  const line = (text: string) => {
    if (text === '') {
      if (data.length > 0) onMessage({ id, event: event === '' ? 'message' : event, data: data.join('\n') });
      event = '';
      data = [];
      return;
    }
    if (text.startsWith(':')) return;
    const colon = text.indexOf(':');
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') data.push(value);
    else if (field === 'event') event = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
  };
  return (piece) => {
    rest += piece;
    // A lone CR at the very end may be the first half of CRLF: it waits for the next piece.
    for (;;) {
      const cut = rest.search(/\r\n|\n|\r(?!$)/);
      if (cut < 0) break;
      line(rest.slice(0, cut));
      rest = rest.slice(rest.startsWith('\r\n', cut) ? cut + 2 : cut + 1);
    }
  };
}
