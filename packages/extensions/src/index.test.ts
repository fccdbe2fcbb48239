import { completeManifest } from '@tenon/lifecycle';
import { CONTRACT_VERSION, EXTENSION_NAME } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { shippedExtensions } from './index.ts';

describe('the extensions that ship', () => {
  it('are these four, in order of their names', () => {
    expect(shippedExtensions.map(({ manifest }) => manifest.name)).toEqual(['attribution', 'container-network', 'readiness-gate', 'resource-policy']);
  });

  it.each(shippedExtensions.map((extension) => [extension.manifest.name, extension] as const))('%s has a whole manifest', (_, { manifest, hooks }) => {
    expect(manifest.contract).toBe(CONTRACT_VERSION);
    expect(manifest.name).toMatch(EXTENSION_NAME);
    expect(manifest.description).not.toBe('');
    expect(completeManifest(manifest)).toEqual(manifest);
    expect(Object.keys(hooks)).toEqual(manifest.hooks.map(({ phase }) => phase));
    expect(manifest.configSchema).toMatchObject({ type: 'object', additionalProperties: false });
  });
});
