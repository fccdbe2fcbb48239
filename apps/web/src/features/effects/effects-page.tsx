'use client';
import { EFFECT_STATES } from '@tenon/vocabulary';
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { Page, PageHead } from '../../shell/page.tsx';
import { FilterField, Picker } from '../../ui/field.tsx';
import { Empty } from '../../ui/panel.tsx';
import { EffectsTable } from './effects-table.tsx';

const filters = { state: parseAsStringLiteral([...EFFECT_STATES, 'any'] as const).withDefault('owed'), extension: parseAsString, workspace: parseAsString };

const states = [
  { value: 'owed', label: 'Owed' },
  { value: 'waived', label: 'Waived' },
  { value: 'applied', label: 'Applied' },
  { value: 'intended', label: 'Intended' },
  { value: 'released', label: 'Released' },
  { value: 'any', label: 'Any' },
];

/** The cleanup debt: what could not be released and is tried again until it can, or is waived. */
export function EffectsPage() {
  const [filter, set] = useQueryStates(filters);
  return (
    <Page title="Owed effects" crumbs={[{ label: 'Owed effects' }]} fit>
      <div className="px-3 pt-4 pb-3 md:px-6 md:pt-5">
        <PageHead
          title={filter.state === 'owed' ? 'Owed effects' : 'Effects'}
          lede="What could not be released yet. Tenon tries again by itself, from 30 s up to once an hour, until it succeeds or somebody waives it."
          actions={
            <>
              <Picker label="State" choices={states} value={filter.state} onChange={(event) => void set({ state: filters.state.parse(event.target.value) })} />
              <FilterField
                label="Extension"
                className="w-40"
                value={filter.extension ?? ''}
                onChange={(event) => void set({ extension: event.target.value || null })}
              />
              <FilterField
                label="Workspace"
                className="w-36"
                value={filter.workspace ?? ''}
                onChange={(event) => void set({ workspace: event.target.value || null })}
              />
            </>
          }
        />
      </div>
      <section aria-label="Effects" className="flex min-h-0 flex-1 flex-col border-t border-hairline">
        <EffectsTable
          label={filter.state === 'owed' ? 'Owed effects' : 'Effects'}
          query={{
            ...(filter.state === 'any' ? {} : { state: [filter.state] }),
            ...(filter.extension ? { extension: filter.extension } : {}),
            ...(filter.workspace ? { workspace: filter.workspace } : {}),
          }}
          empty={
            <Empty>
              {filter.state === 'owed' ? 'Nothing is owed: everything that extensions and drivers made is in use or given back.' : 'No effect matches.'}
            </Empty>
          }
        />
      </section>
    </Page>
  );
}
