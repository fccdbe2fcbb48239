import { expect } from 'vitest';

/** Text that holds this word, whatever its case. Typed as the text that it stands for. */
export function containing(word: string): string {
  return expect.stringMatching(new RegExp(word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i')) as string;
}
