import type { Extension } from '@tenon/lifecycle';
import { attribution } from './attribution/index.ts';
import { containerNetwork } from './container-network/index.ts';
import { readinessGate } from './readiness-gate/index.ts';
import { resourcePolicy } from './resource-policy/index.ts';

/** The extensions that ship with the product. None does anything before somebody activates it. */
export const shippedExtensions: readonly Extension[] = [attribution, containerNetwork, readinessGate, resourcePolicy];
