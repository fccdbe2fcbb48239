import type { ActivationPreviewView } from '@tenon/contract';
import { Ban, CircleMinus, Shrink, SquareDot } from 'lucide-react';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { TextLink } from '../../ui/button.tsx';
import { cx } from '../../ui/cx.ts';
import { plural } from '../../ui/format.ts';
import { capabilityLook, effectLook, modeLook, outcomeLook, State } from '../../ui/state.tsx';
import { Changes, RefusedChange } from '../plans/index.ts';

/** How many of the replayed creates would fail. */
export function wouldFail(preview: ActivationPreviewView): number {
  return preview.requests.conflicts + preview.requests.refused;
}

/** The blast radius of a change: facts first, failures before successes. */
export function PreviewView({ preview, extension }: { readonly preview: ActivationPreviewView; readonly extension: string }) {
  const { requests, live, drivers } = preview;
  const fail = wouldFail(preview);
  const unchanged = Math.max(0, requests.replayed - requests.changed - fail);
  const able = drivers.filter(({ state }) => state !== 'refused').length;
  const failing = requests.samples.filter(({ error }) => error !== null);
  const changing = requests.samples.filter(({ error, changes }) => error === null && changes.length > 0);
  return (
    <div>
      <dl className="grid grid-cols-2 border-b border-hairline md:grid-cols-4">
        <Fact
          name="Recent creates, replayed"
          value={fail > 0 ? `${fail} of ${requests.replayed}` : String(requests.replayed)}
          tone={fail > 0 ? 'text-bad' : ''}
        >
          {fail > 0 ? 'would fail, ' : ''}
          {requests.changed} would change{requests.truncated ? '; stopped after 10 s' : ''}
        </Fact>
        <Fact name="Drivers in scope" value={`${able} of ${drivers.length}`} tone={able < drivers.length ? 'text-bad' : ''}>
          {able === drivers.length ? 'can run it' : 'can run it, the others refuse'}
        </Fact>
        <Fact name="Live sandboxes" value={String(live.sandboxes)}>
          hold a frozen record, not touched
        </Fact>
        <Fact name="Owed clean-ups" value={String(live.owedCleanups)} tone={live.owedCleanups > 0 ? 'text-owed' : ''}>
          {live.owedCleanups > 0 ? 'go on being retried' : 'nothing is owed'}
        </Fact>
      </dl>
      <div className="grid md:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="min-w-0">
          <Block title="Recent creates, replayed" note={requests.replayed === 0 ? 'none in scope' : `the last ${requests.replayed} in scope, failures first`}>
            {requests.replayed === 0 ? (
              <p className="text-ink2">No create in this scope is recorded yet, so there is nothing to replay. Drivers and live sandboxes were checked.</p>
            ) : (
              <>
                <div aria-hidden className="mb-2 flex h-2 gap-0.5">
                  <Share of={requests.changed} fill="bg-changed-fill" />
                  <Share of={unchanged} fill="shadow-[inset_0_0_0_1.5px_var(--color-ok-fill)]" />
                  <Share of={requests.conflicts} fill="bg-bad-fill" />
                  <Share of={requests.refused} fill="hatch-bad" />
                </div>
                <ul className="flex flex-wrap gap-x-4 gap-y-1 text-sm">
                  <li>
                    <State look={{ ...outcomeLook.changed, icon: SquareDot }}>{requests.changed} changed</State>
                  </li>
                  <li>
                    <State look={{ tone: 'idle', icon: CircleMinus, word: '' }}>{unchanged} unchanged</State>
                  </li>
                  <li>
                    <State look={{ tone: requests.conflicts > 0 ? 'bad' : 'idle', icon: Shrink, word: '' }}>{plural(requests.conflicts, 'conflict')}</State>
                  </li>
                  <li>
                    <State look={{ tone: requests.refused > 0 ? 'bad' : 'idle', icon: Ban, word: '' }}>{requests.refused} refused</State>
                  </li>
                </ul>
              </>
            )}
            {failing.map((sample) => (
              <div key={sample.runId} className="mt-2">
                {sample.error ? <RefusedChange error={sample.error} by={extension} note={`in ${sample.sandboxName}`} /> : null}
              </div>
            ))}
          </Block>
          {changing.length > 0 ? (
            <Block title="Sample plan changes" note={`${changing.length} of ${requests.changed}`}>
              {changing.map((sample) => (
                <div key={sample.runId} className="border-t border-hairline py-2 first-of-type:border-t-0 first-of-type:pt-0">
                  <div className="flex items-center gap-2">
                    <Link href={`/runs/${encodeURIComponent(sample.runId)}`} className="font-medium hover:underline">
                      {sample.sandboxName}
                    </Link>
                    <span className="flex-1" />
                    <State look={outcomeLook.changed} className="text-sm">
                      {plural(sample.changes.length, 'change')}
                    </State>
                  </div>
                  <Changes changes={sample.changes} limit={20} />
                </div>
              ))}
            </Block>
          ) : null}
        </div>
        <div className="min-w-0 border-hairline max-md:border-t md:border-l">
          <Block title="Where it can run" note={<TextLink href={`/drivers?extension=${encodeURIComponent(extension)}`}>Matrix</TextLink>}>
            {drivers.length === 0 ? <p className="text-ink2">No driver is in scope.</p> : null}
            <ul className="grid gap-2">
              {drivers.map(({ driver, state, reasons }) => (
                <li key={driver}>
                  <div className="flex items-center gap-2">
                    <span className="min-w-0 truncate">{driver}</span>
                    <span className="flex-1" />
                    <State look={capabilityLook[state]} className="text-sm" />
                  </div>
                  {reasons.map((reason) => (
                    <p key={reason} className="text-sm text-ink2">
                      {reason}
                    </p>
                  ))}
                </li>
              ))}
            </ul>
          </Block>
          <Block title="Live sandboxes">
            {live.sandboxes === 0 ? (
              <p className="text-ink2">No live sandbox holds a record of {extension}.</p>
            ) : (
              <>
                <p className="text-ink2">They keep what was frozen when they were created; their clean-up still runs.</p>
                <ul className="mt-2 grid gap-1">
                  {live.samples.map((sample) => (
                    <li key={sample.sandboxId} className="flex min-h-6 items-center gap-2">
                      <Link href={`/sandboxes/${encodeURIComponent(sample.sandboxId)}`} className="truncate hover:underline">
                        {sample.name}
                      </Link>
                      <span className="flex-1" />
                      {sample.owed > 0 ? (
                        <State look={effectLook.owed} className="text-sm">
                          {sample.owed} owed
                        </State>
                      ) : null}
                      <State look={modeLook[sample.mode]} className="text-sm" />
                    </li>
                  ))}
                </ul>
                <TextLink href={`/sandboxes?extension=${encodeURIComponent(extension)}`} className="inline-flex min-h-6 items-center">
                  Show all {live.sandboxes}
                </TextLink>
              </>
            )}
          </Block>
        </div>
      </div>
    </div>
  );
}

function Fact({ name, value, tone = '', children }: { readonly name: string; readonly value: string; readonly tone?: string; readonly children: ReactNode }) {
  return (
    <div className="border-hairline px-3 py-3 nth-[n+3]:border-t even:border-l md:px-5 md:nth-[n+3]:border-t-0 md:nth-[n+2]:border-l">
      <dt className="text-sm text-ink2">{name}</dt>
      <dd className="mt-0.5 text-sm text-ink2">
        <b className={cx('block text-xl font-semibold tracking-[-0.015em]', tone === '' ? 'text-ink' : tone)}>{value}</b>
        {children}
      </dd>
    </div>
  );
}

function Share({ of, fill }: { readonly of: number; readonly fill: string }) {
  return of === 0 ? null : <span data-bar className={cx('min-w-1 rounded-[2px]', fill)} style={{ flexGrow: of }} />;
}

function Block({ title, note, children }: { readonly title: string; readonly note?: ReactNode; readonly children: ReactNode }) {
  return (
    <section className="border-t border-hairline px-3 pt-3 pb-4 first:border-t-0 md:px-5">
      <h3 className="mb-2 flex items-center gap-2 font-semibold">
        {title} <span className="text-sm font-normal text-ink3">{note}</span>
      </h3>
      {children}
    </section>
  );
}
