/** Works through the items with at most `width` of them at once, in order of beginning. Rejects with the first error once all lanes have ended. */
export async function inLanes<T>(items: readonly T[], width: number, work: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      if (item !== undefined) await work(item, index);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** The same, where the items of one sandbox stay in their order, one after another. */
export async function inLanesBySandbox<T extends { readonly sandboxId: string | null }>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const groups = new Map<string, T[]>();
  for (const [index, item] of items.entries()) {
    const key = item.sandboxId ?? `alone ${index}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  await inLanes([...groups.values()], width, async (group) => {
    for (const item of group) await work(item);
  });
}
