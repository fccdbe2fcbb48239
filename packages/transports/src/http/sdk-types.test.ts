import type { Manifest, WireHookAnswer, WireHookRequest, WireListAnswer, WireReleaseAnswer, WireReleaseRequest } from '@tenon/contract';
import { type WireHookAnswer as HookAnswerSchema, Manifest as ManifestSchema } from '@tenon/contract';
import { CONTRACT_VERSION, PHASE_NAMES } from '@tenon/vocabulary';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import * as sdk from '../../../extension-sdk/src/index.ts';

// The SDK imports nothing of ours, so it writes the wire's types a second time. The compiler holds them to the contract's schemas here.
describe('the types of the SDK', () => {
  it('read whatever the engine sends', () => {
    expectTypeOf<WireHookRequest>().toExtend<sdk.HookRequest>();
    expectTypeOf<WireReleaseRequest>().toExtend<sdk.ReleaseRequest>();
  });

  it('let an author write only what the contract takes', () => {
    expectTypeOf<sdk.Manifest>().toExtend<z.input<typeof Manifest>>();
    expectTypeOf<Omit<sdk.HookAnswer, 'patches'>>().toExtend<Omit<z.input<typeof HookAnswerSchema>, 'patches'>>();
    expectTypeOf<sdk.ReleaseAnswer>().toExtend<z.input<z.ZodType<WireReleaseAnswer, Partial<WireReleaseAnswer>>>>();
    expectTypeOf<Required<sdk.ListAnswer>['effects'][number]['key']>().toEqualTypeOf<WireListAnswer['effects'][number]['key']>();
    expectTypeOf<WireHookAnswer['result']>().toEqualTypeOf<sdk.HookAnswer['result']>();
  });

  it('know every phase, and the contract by its name', () => {
    expect(sdk.CONTRACT).toBe(CONTRACT_VERSION);
    expectTypeOf<sdk.Phase>().toEqualTypeOf<(typeof PHASE_NAMES)[number]>();
    const hooks = PHASE_NAMES.map((phase) => ({ phase }));
    const manifest: sdk.Manifest = { contract: sdk.CONTRACT, name: 'all', revision: '1.0.0', activation: { mode: 'on_request', key: 'all' }, hooks };
    expect(ManifestSchema.parse(manifest).hooks.map(({ phase }) => phase)).toEqual(PHASE_NAMES);
  });
});
