import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from './error-codes.ts';
import { PHASES, phaseRow } from './phases.ts';
import { VM_NAMES } from './vm-names.ts';

/** The reference pages say exactly what the catalogues say: nothing more, nothing less, in the same order. */
const page = (name: string) => readFileSync(new URL(`../../../docs/reference/${name}.md`, import.meta.url), 'utf8');
const rowsOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -2).split(' | '));

describe('docs/reference', () => {
  it('errors.md lists every code with its statuses and title, and says what to do', () => {
    const rows = rowsOf(page('errors'));
    expect(rows.map((row) => row.slice(0, 4))).toEqual(
      Object.entries(ERROR_CODES).map(([code, { http, grpc, title }]) => [`\`${code}\``, String(http), grpc, title]),
    );
    expect(rows.filter((row) => (row[4] ?? '').length < 10)).toEqual([]);
  });

  it('phases.md lists every phase as its row says', () => {
    const [table = '', names = ''] = page('phases').split("## Names of OpenShell's VM driver");
    const expected = (Object.keys(PHASES) as (keyof typeof PHASES)[]).map((name) => {
      const row = phaseRow(name);
      const answer = row.told ? 'told' : row.denies ? 'deny is final' : 'a deny counts as failed';
      return [
        `\`${name}\``,
        row.operations.join(', '),
        row.order,
        row.plan,
        row.effects ? row.effectScope : 'no',
        answer,
        row.onFailure,
        row.warnable,
        row.idempotent,
      ];
    });
    expect(rowsOf(table)).toEqual(expected);
    expect(rowsOf(names)).toEqual(VM_NAMES.map(({ reference, when, phase }) => [`\`${reference}\``, when, `\`${phase}\``]));
  });
});
