import type { Phase } from '@tenon/vocabulary';
import { TenonError } from '../errors.ts';
import type { Change, PlanRevision } from './plan.ts';
import { formatPointer, isUnder, parsePointer } from './pointer.ts';

export interface Author {
  readonly extension: string;
  readonly revision: string;
  readonly phase: Phase;
}

/** An extension whose fields may be taken over, and where: the path and everything below it. */
export interface Override {
  readonly extension: string;
  readonly path: string;
}

/** One segment of the owned paths. A node belongs to one edition and is copied by any other before it writes. */
interface Node {
  readonly edition: object;
  owner: Author | null;
  /** Made with the first child: most nodes are leaves. */
  children: Map<string, Node> | null;
}

/**
 * Who owns which leaf or keyed element of a plan. Only extensions own. A claim costs what its changes and their depth cost, and the
 * owners below a container that is changed as a whole; a clone is free.
 */
export class Owners {
  #edition: object = {};
  #root: Node = { edition: this.#edition, owner: null, children: null };

  /** The owners after these revisions, as they were recorded. */
  static replay(revisions: readonly PlanRevision[]): Owners {
    const owners = new Owners();
    for (const revision of revisions) {
      for (const change of revision.changes) owners.#take(parsePointer(change.path), change.by);
    }
    return owners;
  }

  /** A copy that goes its own way. */
  clone(): Owners {
    const copy = new Owners();
    copy.#root = this.#root;
    // Neither of both may write into the nodes they now share.
    this.#edition = {};
    return copy;
  }

  /** Who owns this path: by itself, or by the element around it. Null: the request or the driver. */
  ownerOf(path: string): Author | null {
    return this.#governing(parsePointer(path))?.owner ?? null;
  }

  /**
   * Takes over what the changes touch, all or nothing. Answers for each change which other extension it overrode, or null.
   * Throws `field_conflict` where another extension owns it, or something around or below it, and no override covers that.
   */
  claim(
    changes: readonly Change[],
    author: Author,
    overrides: readonly Override[],
    paths: readonly (readonly string[])[] = changes.map((change) => parsePointer(change.path)),
  ): readonly (string | null)[] {
    const overrode = paths.map((path) => this.#contest(path, author, overrides));
    const owner: Author = { extension: author.extension, revision: author.revision, phase: author.phase };
    for (const path of paths) this.#take(path, owner);
    return overrode;
  }

  /** The extension that loses something by this change, or null. */
  #contest(path: readonly string[], author: Author, overrides: readonly Override[]): string | null {
    const around = this.#governing(path);
    const below = around?.below ?? [];
    let overrode: string | null = null;
    const check = (owner: Author, owned: readonly string[]): void => {
      if (owner.extension === author.extension) return;
      // The deeper of both paths is what changes hands.
      const contested = formatPointer(owned.length > path.length ? owned : path);
      const granted = overrides.some((override) => override.extension === owner.extension && isUnder(contested, override.path));
      if (!granted) throw conflict(author, owner, formatPointer(path), contested);
      overrode ??= owner.extension;
    };
    if (around?.owner) check(around.owner, around.path);
    for (const { owner, owned } of below) check(owner, owned);
    return overrode;
  }

  /** The nearest owner at or above a path, and the owners below it. */
  #governing(path: readonly string[]): { owner: Author | null; path: readonly string[]; below: Iterable<{ owner: Author; owned: readonly string[] }> } {
    let node: Node | undefined = this.#root;
    let owner = node.owner;
    let depth = 0;
    for (const [i, segment] of path.entries()) {
      node = node.children?.get(segment);
      if (node === undefined) break;
      if (node.owner !== null) {
        owner = node.owner;
        depth = i + 1;
      }
    }
    return { owner, path: path.slice(0, depth), below: node === undefined ? [] : ownersBelow(node, path) };
  }

  #take(path: readonly string[], owner: Author): void {
    this.#root = this.#mine(this.#root);
    let node = this.#root;
    for (const segment of path) {
      node.children ??= new Map();
      const child: Node | undefined = node.children.get(segment);
      const mine: Node = child === undefined ? { edition: this.#edition, owner: null, children: null } : this.#mine(child);
      node.children.set(segment, mine);
      node = mine;
    }
    node.owner = owner;
    node.children = null;
  }

  #mine(node: Node): Node {
    return node.edition === this.#edition
      ? node
      : { edition: this.#edition, owner: node.owner, children: node.children === null ? null : new Map(node.children) };
  }
}

function* ownersBelow(node: Node, path: readonly string[]): Generator<{ owner: Author; owned: readonly string[] }> {
  for (const [segment, child] of node.children ?? []) {
    const owned = [...path, segment];
    if (child.owner !== null) yield { owner: child.owner, owned };
    yield* ownersBelow(child, owned);
  }
}

function conflict(author: Author, owner: Author, path: string, contested: string): TenonError {
  const over = contested === path ? path : `${path}, over ${contested},`;
  return new TenonError(
    'field_conflict',
    `${author.extension} changes ${over} in ${author.phase}, but ${owner.extension} set it in ${owner.phase}: two extensions may not change the same field`,
    {
      extension: author.extension,
      phase: author.phase,
      path: contested,
      conflictsWith: owner.extension,
      hint: `Let one of them leave it alone; or list ${owner.extension} under "overrides" in the manifest of ${author.extension} and grant {"extension": "${owner.extension}", "path": "${contested}"} in its activation.`,
    },
  );
}
