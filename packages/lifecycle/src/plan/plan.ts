import type { ChangeOp, DriverKind, MergeKind, NeutralPoint, Phase } from '@tenon/vocabulary';
import type { Json } from '../json.ts';

/**
 * How a driver describes its plan to the engine. Paths are JSON Pointers ("patterns") in which a segment `*` matches any one
 * segment, and a segment that ends in `*` matches by prefix (`/labels/tenon.dev~1*`). A pattern covers everything below it.
 * After a keyed list the segment is the element's key (`/mounts/~1data/readOnly`), never an index.
 */
export interface PlanSchema {
  readonly kind: DriverKind;
  readonly lists: readonly ListRule[];
  readonly points: readonly MutationPoint[];
  /** Patterns that no extension may change, whatever the point. */
  readonly reserved: readonly string[];
  /** Patterns of the places where a secret reference may stand, e.g. `/env/*`, the contents of any of `/files`. */
  readonly secrets: readonly string[];
  /** Which of this driver's points the driver-neutral names `*.labels`, `*.env`, `*.resources` mean. */
  readonly neutral: Readonly<Partial<Record<NeutralPoint, string>>>;
}

/** A list with identity. `key` names the element's fields, joined by `,`; `set` keys each element by its canonical JSON. */
export interface ListRule {
  /** Pattern of the list itself, e.g. `/mounts`, the `env` of any container. */
  readonly path: string;
  readonly key: readonly string[] | 'set';
  /** Ordered lists keep inserted positions; others are the base's order, then additions. */
  readonly ordered: boolean;
}

export interface MutationPoint {
  /** `<kind>.<part>`, e.g. `docker.networks`. */
  readonly name: string;
  /** JSON Pointer of the part. */
  readonly path: string;
  readonly merge: MergeKind;
  readonly key: readonly string[] | 'set' | null;
  readonly ordered: boolean;
  readonly openIn: readonly Phase[];
}

/** One keyed change. `after` is absent for remove, `before` for add. */
export interface Change {
  readonly op: ChangeOp;
  /** Keyed JSON Pointer. */
  readonly path: string;
  readonly before?: Json;
  readonly after?: Json;
  /** In an ordered list: the key of the element before which an added one stands; null is the end. */
  readonly beforeKey?: string | null;
}

/** Who made a change, kept beside it wherever it is stored or shown. */
export interface AuthoredChange extends Change {
  readonly by: { readonly extension: string; readonly revision: string; readonly phase: Phase };
  /** The hook's own message, one line. */
  readonly reason: string | null;
  /** The extension whose ownership passed on by an override, or null. */
  readonly overrode: string | null;
}

/** One revision of a plan. Number 0 carries the driver's value; every later one carries only its changes. */
export interface PlanRevision {
  readonly number: number;
  readonly by: { readonly kind: 'driver' | 'extension'; readonly name: string };
  readonly phase: Phase | null;
  /** SHA-256, hex, of the RFC 8785 canonical JSON of the whole value at this revision. */
  readonly digest: string;
  readonly value: Json | null;
  readonly changes: readonly AuthoredChange[];
}

/** A reference to a secret: only the driver's client resolves it. */
export interface SecretRef {
  readonly $secret: string;
}
