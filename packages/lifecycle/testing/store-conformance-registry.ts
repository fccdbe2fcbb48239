import { describe, expect, it } from 'vitest';
import { TenonError } from '../src/errors.ts';
import { activation, created, extension, extensionRevision, type StoreBench } from './store-builders.ts';

type Bench = () => StoreBench;
const pass = () => undefined;

export function registryConformance(bench: Bench): void {
  describe('extensions', () => {
    it('are registered once, judged under the lock, and come back as they were', async () => {
      const { store } = bench();
      await store.addExtension(extension('b-ext'), pass);
      await store.addExtension(extension('a-ext'), (others) => expect(others.map((each) => each.name)).toEqual(['b-ext']));
      await expect(store.addExtension(extension('b-ext'), pass)).rejects.toMatchObject({ code: 'extension_exists' });
      const refused = new TenonError('invalid_activation_key', 'no');
      const refusing = store.addExtension(extension('c-ext'), () => {
        throw refused;
      });
      await expect(refusing).rejects.toBe(refused);
      expect(await store.listExtensions()).toEqual([extension('a-ext'), extension('b-ext')]);
      expect(await store.getExtension('c-ext')).toBeNull();
    });

    it('are judged one after another, so that no two pass the same check', async () => {
      const { store } = bench();
      const all = await Promise.allSettled(
        Array.from({ length: 5 }, (_, i) =>
          store.addExtension(extension(`e${i}`), (others) => {
            if (others.length > 0) throw new TenonError('invalid_activation_key', 'the key is taken');
          }),
        ),
      );
      expect(all.filter((each) => each.status === 'fulfilled')).toHaveLength(1);
      expect(await store.listExtensions()).toHaveLength(1);
    });

    it('get revisions that never change', async () => {
      const { store } = bench();
      await store.addExtension(extension('ext'), pass);
      await store.addExtension(extension('other'), pass);
      const next = await store.addRevision(extensionRevision('ext', '1.1.0'), (known, others) => {
        expect([known.name, others.map((each) => each.name)]).toEqual(['ext', ['other']]);
      });
      expect([next.latest, next.revisions.map((each) => each.revision)]).toEqual(['1.1.0', ['1.0.0', '1.1.0']]);
      expect(await store.getExtension('ext')).toEqual(next);
      // A fix to an older line is there, but is not the latest.
      const older = await store.addRevision(extensionRevision('ext', '1.0.1'), pass);
      expect([older.latest, older.revisions.map((each) => each.revision)]).toEqual(['1.1.0', ['1.0.0', '1.1.0', '1.0.1']]);
      await expect(store.addRevision(extensionRevision('ext', '1.1.0'), pass)).rejects.toMatchObject({ code: 'extension_exists' });
      await expect(store.addRevision(extensionRevision('none', '1.0.0'), pass)).rejects.toMatchObject({ code: 'not_found' });
    });

    it('have a kill switch that never loses a race', async () => {
      const { store } = bench();
      await store.addExtension(extension('ext'), pass);
      const on = { on: true, reason: 'smoke', actor: 'alice', at: 1_700_000_000_000 };
      expect((await store.setKillSwitch('ext', on)).killSwitch).toEqual(on);
      await store.addRevision(extensionRevision('ext', '1.1.0'), pass);
      expect((await store.getExtension('ext'))?.killSwitch).toEqual(on);
      await expect(store.setKillSwitch('none', on)).rejects.toMatchObject({ code: 'not_found' });
    });

    it('in process are the code that is there: activations move to it', async () => {
      const { store } = bench();
      const old = extension('ext', { source: 'shipped' });
      expect(await store.replaceInProcess(old)).toEqual([]);
      const row = await store.addActivation(activation('ext'), pass);
      await store.setKillSwitch('ext', { on: true, reason: 'r', actor: 'a', at: 5 });
      const now = extension('ext', { source: 'shipped', latest: '2.0.0', revisions: [extensionRevision('ext', '2.0.0')] });
      const moved = await store.replaceInProcess(now);
      expect(moved.map((each) => [each.id, each.revision, each.version])).toEqual([[row.id, '2.0.0', 2]]);
      expect(await store.replaceInProcess(now)).toEqual([]);
      expect(await store.getExtension('ext')).toMatchObject({ latest: '2.0.0', revisions: [{ revision: '2.0.0' }], killSwitch: { on: true } });
      await store.addExtension(extension('taken'), pass);
      await expect(store.replaceInProcess(extension('taken', { source: 'configured' }))).rejects.toMatchObject({ code: 'extension_exists' });
    });

    it('go with their activations, once what uses them has been judged', async () => {
      const { store } = bench();
      await store.addExtension(extension('network'), pass);
      await store.addActivation(activation('network'), pass);
      await created(store);
      const refused = new TenonError('extension_in_use', 'no');
      const refusing = store.removeExtension('network', (uses) => {
        expect(uses).toEqual({ activations: 1, owed: 0, sandboxes: 1 });
        throw refused;
      });
      await expect(refusing).rejects.toBe(refused);
      expect(await store.listActivations()).toHaveLength(1);
      await store.removeExtension('network', pass);
      expect(await store.getExtension('network')).toBeNull();
      expect(await store.listActivations()).toEqual([]);
      await expect(store.removeExtension('network', pass)).rejects.toMatchObject({ code: 'not_found' });
    });
  });

  describe('activations', () => {
    it('come in effective order and whole', async () => {
      const { store } = bench();
      for (const name of ['b', 'a']) await store.addExtension(extension(name), pass);
      const rows = [
        activation('b'),
        activation('a'),
        activation('b', { order: 5, grant: { workspaces: null, roles: ['operator'] }, scope: { drivers: ['docker'], workspaces: [] } }),
      ];
      for (const row of rows) await store.addActivation(row, pass);
      const listed = await store.listActivations();
      expect(listed.map((row) => [row.order, row.extension])).toEqual([
        [5, 'b'],
        [1000, 'a'],
        [1000, 'b'],
      ]);
      const { createdAt, updatedAt, ...saved } = listed[0] ?? activation('none');
      const { createdAt: _c, updatedAt: _u, ...wanted } = rows[2] ?? activation('none');
      expect(saved).toEqual(wanted);
      expect(createdAt).toBe(updatedAt);
      expect(createdAt).toBeGreaterThan(1_600_000_000_000);
      expect(await store.getActivation('none')).toBeNull();
      await expect(store.addActivation(activation('none'), pass)).rejects.toMatchObject({ code: 'not_found' });
    });

    it('are judged against all others under the lock', async () => {
      const { store } = bench();
      await store.addExtension(extension('ext'), pass);
      const overlap = (others: readonly unknown[]) => {
        if (others.length > 0) throw new TenonError('activation_overlap', 'two in one scope');
      };
      const raced = await Promise.allSettled(Array.from({ length: 5 }, () => store.addActivation(activation('ext'), overlap)));
      expect(raced.filter((each) => each.status === 'fulfilled')).toHaveLength(1);
      for (const each of raced) if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'activation_overlap' });
    });

    it('are changed only from the version that was read', async () => {
      const { store } = bench();
      await store.addExtension(extension('ext'), pass);
      const row = await store.addActivation(activation('ext'), pass);
      const raced = await Promise.allSettled(
        Array.from({ length: 4 }, (_, i) =>
          store.updateActivation({ ...row, percentage: i, reason: `change ${i}` }, 1, (others) => expect(others).toEqual([])),
        ),
      );
      const won = raced.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      expect(won.map((each) => each.version)).toEqual([2]);
      for (const each of raced) {
        if (each.status === 'rejected')
          expect(each.reason).toMatchObject({ code: 'precondition_failed', context: { current: { id: row.id, version: 2, reason: won[0]?.reason } } });
      }
      expect(await store.getActivation(row.id)).toEqual(won[0]);
      await expect(store.removeActivation(row.id, 1)).rejects.toMatchObject({ code: 'precondition_failed' });
      expect((await store.removeActivation(row.id, 2)).id).toBe(row.id);
      await expect(store.removeActivation(row.id, null)).rejects.toMatchObject({ code: 'not_found' });
      await expect(store.updateActivation(row, 2, pass)).rejects.toMatchObject({ code: 'not_found' });
    });
  });
}
