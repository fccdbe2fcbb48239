import { MemoryPools } from './memory-pools.ts';
import { MemoryShared } from './memory-shared.ts';
import { MemoryStore } from './memory-store.ts';
import { MemoryVault } from './memory-vault.ts';
import { storeConformance } from './store-conformance.ts';

storeConformance('memory', async () => {
  let frozen: number | null = null;
  const clock = { now: () => frozen ?? Date.now() };
  const store = new MemoryStore({ clock });
  return {
    store,
    pools: new MemoryPools(),
    shared: new MemoryShared({ clock }),
    vault: new MemoryVault(),
    sameTime: async (write) => {
      frozen = Date.now();
      await write();
      frozen = null;
    },
    close: () => store.close(),
  };
});
