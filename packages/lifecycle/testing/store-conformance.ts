import { afterEach, beforeEach, describe } from 'vitest';
import type { StoreBench } from './store-builders.ts';
import { accessConformance } from './store-conformance-access.ts';
import { effectConformance } from './store-conformance-effects.ts';
import { journalConformance } from './store-conformance-journal.ts';
import { listConformance } from './store-conformance-lists.ts';
import { registryConformance } from './store-conformance-registry.ts';
import { serviceConformance } from './store-conformance-services.ts';

/**
 * Holds a store, its pools, shared things and vault to every rule of the ports. `open` gives an empty installation for each test;
 * the suite closes it.
 */
export function storeConformance(name: string, open: () => Promise<StoreBench>): void {
  describe(`${name} as a store`, () => {
    let current: StoreBench | null = null;
    const bench = (): StoreBench => {
      if (current === null) throw new Error('no store is open');
      return current;
    };
    beforeEach(async () => {
      current = await open();
    });
    afterEach(async () => {
      await current?.close();
      current = null;
    });

    journalConformance(bench);
    effectConformance(bench);
    listConformance(bench);
    registryConformance(bench);
    accessConformance(bench);
    serviceConformance(bench);
  });
}
