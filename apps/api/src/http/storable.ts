import { TenonError } from '@tenon/lifecycle';
import { FORBIDDEN_KEYS, LIMITS } from '@tenon/vocabulary';
import { pointerOf } from './validation.ts';

const FORBIDDEN = new Set<string>(FORBIDDEN_KEYS);

/**
 * Refuses what no store can hold and no path may resolve, wherever it stands in a parsed body: NUL and lone surrogates, keys of the
 * prototype chain, nesting beyond the cap. It walks with a stack of its own: JSON.parse takes far deeper bodies than calls can follow.
 */
export function assertStorable(body: unknown): void {
  const stack: { readonly value: unknown; readonly path: readonly string[] }[] = [{ value: body, path: [] }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, path } = next;
    if (typeof value === 'string') {
      checkText(value, path);
    } else if (typeof value === 'object' && value !== null) {
      if (path.length >= LIMITS.planDepth) {
        throw new TenonError('validation_failed', `the body is nested deeper than ${LIMITS.planDepth} levels`, {
          pointer: pointerOf(path.slice(0, 8)),
          hint: 'Flatten it.',
        });
      }
      for (const [key, member] of Object.entries(value)) {
        if (!Array.isArray(value)) checkKey(key, path);
        if (typeof member === 'string' || (typeof member === 'object' && member !== null)) stack.push({ value: member, path: [...path, key] });
      }
    }
  }
}

function checkText(text: string, path: readonly string[]): void {
  if (!text.includes('\0') && text.isWellFormed()) return;
  const what = text.includes('\0') ? 'a NUL character' : 'a lone surrogate';
  throw new TenonError('validation_failed', `${path.join('.') || 'the body'} holds ${what}, which cannot be stored`, {
    pointer: pointerOf(path),
    hint: 'Remove it, or encode the text, e.g. as base64.',
  });
}

function checkKey(key: string, path: readonly string[]): void {
  if (FORBIDDEN.has(key)) {
    throw new TenonError('validation_failed', `\`${key}\` cannot be the name of a member`, {
      pointer: pointerOf([...path, key]),
      hint: 'Choose another name.',
    });
  }
  checkText(key, path);
}
