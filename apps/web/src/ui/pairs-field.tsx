'use client';
import { Plus, X } from 'lucide-react';
import { Button, IconButton } from './button.tsx';
import { cx } from './cx.ts';

export interface Pair {
  readonly id: number;
  readonly name: string;
  readonly value: string;
  readonly secret: boolean;
}

let last = 0;
export function newPair(name = '', value = '', secret = false): Pair {
  last += 1;
  return { id: last, name, value, secret };
}

interface PairsFieldProps {
  readonly legend: string;
  /** "variable", "label": names the rows for a screen reader. */
  readonly noun: string;
  readonly pairs: readonly Pair[];
  readonly onChange: (pairs: readonly Pair[]) => void;
  readonly withSecret?: boolean;
  readonly hint?: string;
  readonly errorOf?: (name: string) => string | null;
}

const input = 'mono h-control min-w-0 rounded-md border border-edge bg-raised px-2 aria-invalid:border-bad-fill';

/** Names with values, one a row. */
export function PairsField({ legend, noun, pairs, onChange, withSecret = false, hint, errorOf }: PairsFieldProps) {
  const set = (id: number, part: Partial<Pair>) => onChange(pairs.map((pair) => (pair.id === id ? { ...pair, ...part } : pair)));
  const capital = noun.charAt(0).toUpperCase() + noun.slice(1);
  return (
    <fieldset className="grid gap-1.5">
      <legend className="mb-1 font-medium">{legend}</legend>
      {pairs.map((pair, index) => {
        const error = pair.name === '' ? null : (errorOf?.(pair.name) ?? null);
        return (
          <div key={pair.id}>
            <div
              className={cx(
                'grid items-center gap-1.5',
                withSecret ? 'grid-cols-[minmax(0,1fr)_minmax(0,1.4fr)_auto_auto]' : 'grid-cols-[minmax(0,1fr)_minmax(0,1.4fr)_auto]',
              )}
            >
              <input
                aria-label={`${capital} ${index + 1} name`}
                aria-invalid={error ? true : undefined}
                placeholder="name"
                autoComplete="off"
                spellCheck={false}
                className={input}
                value={pair.name}
                onChange={(event) => set(pair.id, { name: event.target.value })}
              />
              <input
                aria-label={`${capital} ${index + 1} value`}
                placeholder="value"
                type={pair.secret ? 'password' : 'text'}
                autoComplete="off"
                spellCheck={false}
                className={input}
                value={pair.value}
                onChange={(event) => set(pair.id, { value: event.target.value })}
              />
              {withSecret ? (
                <label className="flex items-center gap-1 text-sm text-ink2">
                  <input
                    type="checkbox"
                    className="size-4 accent-accent"
                    checked={pair.secret}
                    onChange={(event) => set(pair.id, { secret: event.target.checked })}
                  />
                  secret
                </label>
              ) : null}
              <IconButton size="sm" icon={X} label={`Remove ${noun} ${index + 1}`} onClick={() => onChange(pairs.filter((each) => each.id !== pair.id))} />
            </div>
            {error ? <p className="text-sm text-bad">{error}</p> : null}
          </div>
        );
      })}
      <div>
        <Button size="sm" icon={Plus} onClick={() => onChange([...pairs, newPair()])}>
          Add {noun}
        </Button>
      </div>
      {hint ? <p className="text-sm text-ink3">{hint}</p> : null}
    </fieldset>
  );
}
