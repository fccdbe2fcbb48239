import { expect, it } from 'vitest';
import { openEngine } from '../../testing/engine-bench.ts';
import { defineExtension } from '../extension.ts';

it('finds what an extension holds and the ledger does not know, and the reverse, and records each once', async () => {
  const held = new Set<string>();
  const holder = defineExtension({
    name: 'holder',
    revision: '1.0.0',
    description: '',
    activation: { mode: 'global' },
    effects: {
      thing: {
        apply: async ({ key }) => {
          held.add(key);
          return {};
        },
        release: async ({ key }) => {
          held.delete(key);
        },
        list: async () => [...held].map((key) => ({ key, sandboxId: null })),
      },
    },
    hooks: {
      before_create: {
        run: async (ctx) => {
          await ctx.effects.ensure('thing', `of ${ctx.sandbox.name}`, {});
        },
      },
    },
  });
  const bench = await openEngine({ extensions: [holder] });
  await bench.activate('holder');
  await bench.create({ name: 'one' });
  expect(await bench.engine.auditEffects()).toBe(0);
  held.add('forgotten');
  held.delete('of one');
  expect(await bench.engine.auditEffects()).toBe(2);
  expect(await bench.engine.auditEffects()).toBe(2);
  const audit = (await bench.store.listAudit({ visible: null, objectKind: 'effect' }, { limit: 10 })).items;
  expect(audit.map((record) => [record.action, record.object.name]).sort()).toEqual([
    ['effect.missing', 'holder thing of one'],
    ['effect.unknown', 'holder thing forgotten'],
  ]);
});
