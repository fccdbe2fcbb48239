import { describe, expect, it } from 'vitest';
import { joinCommand, splitCommand } from './command-line.ts';

describe('splitCommand', () => {
  it('splits as a shell does, and expands nothing', () => {
    expect(splitCommand(`sh -c 'echo "$HOME" && sleep 1' "a b" c\\ d ''`).words).toEqual(['sh', '-c', 'echo "$HOME" && sleep 1', 'a b', 'c d', '']);
    expect(splitCommand('  ').words).toEqual([]);
  });
  it('says what is not closed', () => {
    expect(splitCommand('echo "a').error).toBe('The double quote is never closed.');
    expect(splitCommand('echo \\').error).not.toBeNull();
  });
  it('goes there and back', () => {
    for (const words of [['a'], ['sh', '-c', "it's $x"], ['', ' ', '\n', '"']]) expect(splitCommand(joinCommand(words)).words).toEqual(words);
  });
});
