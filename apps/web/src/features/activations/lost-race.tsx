import type { ActivationView } from '@tenon/contract';
import { SquareDot, TriangleAlert } from 'lucide-react';
import { cx } from '../../ui/cx.ts';
import { Time } from '../../ui/time.tsx';
import { type ActivationChange, partWords, raceRows } from './activation-form.ts';

/** Somebody else saved first: nothing was saved, both versions stand side by side with what this change makes of the new one. */
export function LostRace({ seen, saved, change }: { readonly seen: ActivationView; readonly saved: ActivationView; readonly change: ActivationChange }) {
  const rows = raceRows(seen, saved, change);
  const collides = rows.some((row) => row.collides);
  return (
    <div className="grid gap-4 px-3 py-4 md:px-5">
      <section aria-label="Changed by somebody else" className="overflow-hidden rounded-lg border border-owed-rule">
        <div role="alert" className="flex items-start gap-3 border-b border-owed-rule bg-owed-soft px-3 py-2">
          <TriangleAlert aria-hidden size={16} strokeWidth={1.5} className="mt-0.5 shrink-0 text-owed" />
          <div>
            <p className="font-semibold">{saved.actor} changed this activation while you were reading. Nothing of yours was saved.</p>
            <p className="text-ink2">
              You previewed version {seen.version}. Version {saved.version} was saved at <Time at={saved.updatedAt} /> with the reason "{saved.reason}".
            </p>
          </div>
        </div>
        <div className="overflow-x-auto">
          <table className="w-full border-collapse text-left">
            <thead>
              <tr className="border-b border-hairline text-sm text-ink3">
                <th className="h-8.5 px-3 font-medium">Field</th>
                <th className="px-3 font-medium">Version {seen.version}, what you saw</th>
                <th className="px-3 font-medium">Version {saved.version}, saved now</th>
                <th className="px-3 font-medium">Your change, on version {saved.version}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.part} className="border-b border-hairline last:border-b-0">
                  <th scope="row" className="h-8.5 px-3 font-normal text-ink2">
                    {partWords[row.part]}
                  </th>
                  <td className="px-3 wrap-anywhere">{row.seen}</td>
                  <td className={cx('px-3 wrap-anywhere', row.theirs && 'bg-owed-soft font-medium')}>
                    {row.theirs ? <SquareDot aria-label="changed" size={14} strokeWidth={1.75} className="mr-1.5 inline text-owed" /> : null}
                    {row.saved}
                  </td>
                  <td className={cx('px-3 wrap-anywhere', row.collides && 'font-medium text-bad')}>
                    {row.mine}
                    {row.collides ? ' (undoes theirs)' : ''}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
      <p className="text-ink2">
        {collides
          ? `Your change and ${saved.actor}'s touch the same field: on top of version ${saved.version} it would undo theirs there.`
          : `Your change touches nothing that ${saved.actor} changed, so it can go on top of version ${saved.version}.`}{' '}
        It is previewed again before anything is saved. Your reason is kept.
      </p>
    </div>
  );
}
