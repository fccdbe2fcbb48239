// The slots of all workspaces, kept in one file: what is held must outlive this process, as Tenon's ledger does.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Every method is synchronous, so no two calls can take one slot. */
export class Slots {
  #file;
  #slots;

  constructor(file) {
    this.#file = file;
    this.#slots = load(file);
  }

  /** The slot of this sandbox, taken now if it has none; null where all `limit` are taken. The same sandbox again gets what it holds. */
  take({ id, workspace }, idempotencyKey, limit) {
    if (!this.#slots[id]) {
      const taken = this.#takenIn(workspace);
      if (taken.size >= limit) return null;
      let number = 0;
      while (taken.has(number)) number += 1;
      this.#slots[id] = { key: `${workspace}/${number}`, workspace, number, idempotencyKey };
      this.#save();
    }
    return this.#slots[id];
  }

  count(workspace) {
    return this.#takenIn(workspace).size;
  }

  /** Gives back the slot of this sandbox if it is the one meant: named by its key, or made under this idempotency key. */
  giveBack({ id }, { key, idempotencyKey }) {
    const slot = this.#slots[id];
    if (!slot || (slot.key !== key && slot.idempotencyKey !== idempotencyKey)) return;
    delete this.#slots[id];
    this.#save();
  }

  list() {
    return Object.entries(this.#slots).map(([sandboxId, { key }]) => ({ kind: 'slot', key, sandboxId }));
  }

  #takenIn(workspace) {
    return new Set(
      Object.values(this.#slots)
        .filter((slot) => slot.workspace === workspace)
        .map((slot) => slot.number),
    );
  }

  #save() {
    writeFileSync(`${this.#file}.next`, JSON.stringify(this.#slots));
    renameSync(`${this.#file}.next`, this.#file);
  }
}

function load(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}
