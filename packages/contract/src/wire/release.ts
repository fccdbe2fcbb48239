import { RELEASE_REASONS } from '@tenon/vocabulary';
import { z } from 'zod';
import { JsonAny } from '../primitives.ts';
import { WireSandbox } from './hook.ts';

/** `POST /v1/release`: idempotent, and a fence. Afterwards a hook with that key is refused by the extension. */
export const WireReleaseRequest = z
  .object({
    extension: z.string(),
    revision: z.string(),
    sandbox: WireSandbox,
    idempotencyKey: z.string(),
    effects: z.array(z.object({ kind: z.string(), key: z.string(), handle: JsonAny })).meta({
      description: 'Empty, or a handle null, where an answer was lost: then everything made under the idempotencyKey is meant. No two have the same key.',
    }),
    reason: z.enum(RELEASE_REASONS),
  })
  .meta({ id: 'ReleaseRequest' });
export type WireReleaseRequest = z.output<typeof WireReleaseRequest>;

/** An effect named in neither list counts as failed; where none was asked for, an empty `failed` means released. */
export const WireReleaseAnswer = z
  .strictObject({
    released: z.array(z.string().max(512)).max(4096).default([]),
    failed: z
      .array(z.strictObject({ key: z.string().max(512), message: z.string().max(65_536).default('no message was given') }))
      .max(4096)
      .default([]),
  })
  .meta({ id: 'ReleaseAnswer' });
export type WireReleaseAnswer = z.output<typeof WireReleaseAnswer>;

/** `POST /v1/list` (optional): what the extension holds. */
export const WireListAnswer = z
  .strictObject({
    effects: z.array(
      z.strictObject({ kind: z.string().min(1).max(256), key: z.string().min(1).max(512), sandboxId: z.string().max(256).nullable().default(null) }),
    ),
  })
  .meta({ id: 'ListAnswer' });
export type WireListAnswer = z.output<typeof WireListAnswer>;
