/**
 * Splits a command line as a shell would, without ever running one: blanks part words, quotes keep them, a backslash keeps
 * the next character. Nothing is expanded.
 */
export function splitCommand(line: string): { readonly words: readonly string[]; readonly error: string | null } {
  const words: string[] = [];
  let word: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? '';
    if (quote === "'") {
      if (char === "'") quote = null;
      else word += char;
    } else if (char === '\\') {
      if (at + 1 >= line.length) return { words, error: 'The line ends in a backslash that keeps nothing.' };
      at += 1;
      word = (word ?? '') + (line[at] ?? '');
    } else if (quote === '"') {
      if (char === '"') quote = null;
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (quote !== null) return { words, error: `The ${quote === '"' ? 'double' : 'single'} quote is never closed.` };
  if (word !== null) words.push(word);
  return { words, error: null };
}

/** The words as one line that splits into them again. */
export function joinCommand(words: readonly string[]): string {
  return words.map((word) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}
