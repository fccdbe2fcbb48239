/** What is wrong with a JSON text before it is parsed, or null. */
export type ScanFault = { readonly kind: 'depth' } | { readonly kind: 'duplicate_key'; readonly key: string };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const COLON = 0x3a;

/**
 * Walks a JSON text once, without building anything: nesting beyond `maxDepth` never reaches the parser, and a key that stands twice in
 * one object is found, which a parser would hide (the last one wins). Text that is no JSON passes: the parser says so.
 */
export function scanJson(text: string, maxDepth: number): ScanFault | null {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      if (open.length >= maxDepth) return { kind: 'depth' };
      open.push(code === OPEN_OBJECT ? new Set() : null);
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      open.pop();
    } else if (code === QUOTE) {
      const end = endOfString(text, at);
      const keys = open.at(-1);
      if (keys && text.charCodeAt(skipSpace(text, end + 1)) === COLON) {
        const key = plainKey(text.slice(at, end + 1));
        if (keys.has(key)) return { kind: 'duplicate_key', key };
        keys.add(key);
      }
      at = end;
    }
  }
  return null;
}

/** Index of the closing quote, or of the last character where there is none. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at;
  }
  return text.length - 1;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

/** The key without its quotes; escapes are resolved, so that `"a"` and `"\u0061"` are one key. */
function plainKey(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    // Not JSON: the parser refuses the whole text with a message of its own.
    return quoted;
  }
}
