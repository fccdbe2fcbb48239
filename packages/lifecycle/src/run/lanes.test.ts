import { expect, it } from 'vitest';
import { inLanes, inLanesBySandbox } from './lanes.ts';

const tick = () => new Promise((resolve) => setTimeout(resolve, 1));

it('works on at most so many at once, and on all', async () => {
  let now = 0;
  let most = 0;
  const done: number[] = [];
  await inLanes([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    now += 1;
    most = Math.max(most, now);
    await tick();
    now -= 1;
    done.push(item);
  });
  expect(most).toBe(3);
  expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

it('keeps the items of one sandbox in order, and one that hangs holds up no other', async () => {
  const begun: string[] = [];
  let release: () => void = () => undefined;
  const hangs = new Promise<void>((resolve) => {
    release = resolve;
  });
  const items = [
    { sandboxId: 'a', name: 'a1' },
    { sandboxId: 'b', name: 'b1' },
    { sandboxId: 'a', name: 'a2' },
    { sandboxId: 'b', name: 'b2' },
    { sandboxId: null, name: 'alone' },
  ];
  const all = inLanesBySandbox(items, 2, async ({ name }) => {
    begun.push(name);
    if (name === 'a1') await hangs;
    else await tick();
  });
  await expect.poll(() => begun).toEqual(['a1', 'b1', 'b2', 'alone']);
  release();
  await all;
  expect(begun.at(-1)).toBe('a2');
});

it('rejects with what went wrong, after the other lanes have ended', async () => {
  const done: number[] = [];
  await expect(
    inLanes([1, 2, 3], 2, async (item) => {
      if (item === 1) throw new Error('one');
      await tick();
      done.push(item);
    }),
  ).rejects.toThrow('one');
  expect(done).toEqual([2, 3]);
});
