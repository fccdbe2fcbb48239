import { describe, expect, it } from 'vitest';
import { newId } from '../src/ids.ts';
import { SharedLost } from '../src/ports/shared.ts';
import { pause, type StoreBench } from './store-builders.ts';

type Bench = () => StoreBench;

export function serviceConformance(bench: Bench): void {
  describe('pools', () => {
    const holder = (n: number) => ({ sandboxId: `box-${n}`, extension: 'network', key: 'address' });

    it('give no item twice, whoever asks at once', async () => {
      const { pools } = bench();
      const items = Array.from({ length: 16 }, (_, i) => `10.0.0.${i}`);
      const taken = await Promise.all(Array.from({ length: 24 }, (_, i) => pools.take('addresses', holder(i), items)));
      const given = taken.filter((each) => each !== null);
      expect(given).toHaveLength(16);
      expect(new Set(given).size).toBe(16);
      expect(await pools.list('addresses')).toHaveLength(16);
      expect(await pools.list('other')).toEqual([]);
    });

    it('give the same holder the same item, and others what was given back', async () => {
      const { pools } = bench();
      expect(await pools.take('p', holder(1), ['a', 'b'])).toBe('a');
      expect(await pools.take('p', holder(1), ['b'])).toBe('a');
      const twice = await Promise.all([pools.take('p', holder(2), ['a', 'b', 'c']), pools.take('p', holder(2), ['a', 'b', 'c'])]);
      expect(twice).toEqual(['b', 'b']);
      expect(await pools.take('p', { ...holder(1), key: 'second' }, ['a', 'b'])).toBeNull();
      await pools.giveBack('p', holder(1));
      await pools.giveBack('p', holder(1));
      expect(await pools.take('p', { ...holder(1), key: 'second' }, ['a', 'b'])).toBe('a');
      expect(await pools.take('q', holder(9), ['a'])).toBe('a');
      expect((await pools.list()).map((row) => [row.pool, row.item])).toEqual([
        ['p', 'a'],
        ['p', 'b'],
        ['q', 'a'],
      ]);
    });

    it('read no more candidates than they need', async () => {
      const { pools } = bench();
      function* endless() {
        for (let i = 0; ; i += 1) yield `port-${i}`;
      }
      expect(await pools.take('ports', holder(1), endless())).toBe('port-0');
      expect(await pools.take('ports', holder(2), endless())).toBe('port-1');
    });
  });

  describe('shared things', () => {
    const id = { extension: 'network', kind: 'docker_network', key: 'tenant-a' };

    it('have one lock holder, whose token fences', async () => {
      const { shared } = bench();
      const locks = await Promise.all(Array.from({ length: 8 }, () => shared.lock(id, 60_000)));
      const held = locks.filter((each) => each !== null);
      expect(held).toHaveLength(1);
      const lock = held[0];
      if (!lock) throw new Error('no lock');
      expect(lock.thing).toEqual({ ...id, generation: 0, state: 'absent', input: null, handle: null, holders: [] });
      const thing = await shared.write(id, lock.token, { state: 'applied', generation: 1, input: { a: 1 }, handle: null, holders: ['e1', 'e2'] });
      expect(thing).toEqual({ ...id, state: 'applied', generation: 1, input: { a: 1 }, handle: null, holders: ['e1', 'e2'] });
      expect(await shared.write(id, lock.token, { handle: { net: 'n' } })).toEqual({ ...thing, handle: { net: 'n' } });
      expect(await shared.list()).toEqual([{ ...thing, handle: { net: 'n' } }]);
      await shared.unlock(id, lock.token);
      await expect(shared.write(id, lock.token, { state: 'absent' })).rejects.toBeInstanceOf(SharedLost);
      const next = await shared.lock(id, 60_000);
      expect(next?.thing.handle).toEqual({ net: 'n' });
      expect(next?.token).toBeGreaterThan(lock.token);
    });

    it('are taken over when the lock expires; the old holder can do nothing more', async () => {
      const { shared } = bench();
      const old = await shared.lock(id, 5000);
      if (old === null) throw new Error('no lock');
      await shared.write(id, old.token, { state: 'creating', generation: 1 });
      expect(await shared.lock(id, 1000)).toBeNull();
      expect(await shared.renew(id, old.token, 20)).toBe(true);
      await pause(60);
      const next = await shared.lock(id, 60_000);
      expect(next?.thing).toMatchObject({ state: 'creating', generation: 1 });
      await expect(shared.write(id, old.token, { state: 'applied' })).rejects.toBeInstanceOf(SharedLost);
      expect(await shared.renew(id, old.token, 60_000)).toBe(false);
      await shared.unlock(id, old.token);
      expect(await shared.lock(id, 1000)).toBeNull();
      if (next === null) throw new Error('no lock');
      await shared.write(id, next.token, { state: 'absent', holders: [] });
      expect(await shared.list()).toEqual([]);
    });

    it('are apart by extension, kind and key', async () => {
      const { shared } = bench();
      const locks = await Promise.all([
        shared.lock(id, 60_000),
        shared.lock({ ...id, key: 'tenant-b' }, 60_000),
        shared.lock({ ...id, kind: 'other' }, 60_000),
        shared.lock({ ...id, extension: 'second' }, 60_000),
      ]);
      expect(locks.every((each) => each !== null)).toBe(true);
      expect(await shared.renew({ ...id, key: 'never' }, 1, 1000)).toBe(false);
    });
  });

  describe('the vault', () => {
    it('gives back what was put, until its owner goes', async () => {
      const { vault } = bench();
      const box = { kind: 'sandbox', id: 'box-1' } as const;
      const [one, two, three] = [newId(), newId(), newId()];
      await vault.put(
        box,
        new Map([
          [one, 'pässwörd 🧩'],
          [two, ''],
        ]),
      );
      await vault.put({ kind: 'run', id: 'box-1' }, new Map([[three, 'other']]));
      expect(await vault.open(one)).toBe('pässwörd 🧩');
      expect(await vault.open(two)).toBe('');
      expect(await vault.open(newId())).toBeNull();
      await vault.drop(box);
      await vault.drop(box);
      expect(await vault.open(one)).toBeNull();
      expect(await vault.open(three)).toBe('other');
    });

    it('puts all or none, and never over another', async () => {
      const { vault } = bench();
      const [one, two] = [newId(), newId()];
      await vault.put({ kind: 'sandbox', id: 'a' }, new Map([[one, 'first']]));
      const second = vault.put(
        { kind: 'sandbox', id: 'b' },
        new Map([
          [two, 'x'],
          [one, 'y'],
        ]),
      );
      await expect(second).rejects.toMatchObject({ code: 'internal' });
      expect(await vault.open(one)).toBe('first');
      expect(await vault.open(two)).toBeNull();
      await vault.put({ kind: 'sandbox', id: 'c' }, new Map());
    });
  });
}
