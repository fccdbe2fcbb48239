import { SandboxCreateBody } from '@tenon/contract';
import { describe, expect, it } from 'vitest';
import { newPair } from '../../ui/pairs-field.tsx';
import { createBody, EMPTY_FORM } from './create-form.ts';

describe('createBody', () => {
  it('makes the request of the contract, with secrets marked and extensions asked for by label', () => {
    const { body, errors } = createBody({
      ...EMPTY_FORM,
      name: ' demo ',
      workspace: 'team-a',
      driver: 'docker',
      image: 'busybox:1',
      command: "sh -c 'sleep 1'",
      asked: ['tenant-network'],
      extensionConfig: { 'tenant-network': { subnet: '10.0.0.0/24' }, other: {} },
      labels: [newPair('tier', 'gold'), newPair('', 'ignored')],
      environment: [newPair('A', '1'), newPair('KEY', 'hush', true)],
      cpuLimit: '500m',
      gpus: '2',
      driverConfig: { runtime: 'runc' },
    });
    expect(errors).toEqual({});
    expect(body).toEqual({
      name: 'demo',
      workspace: 'team-a',
      driver: 'docker',
      template: {
        image: 'busybox:1',
        labels: { tier: 'gold', 'openshell.io/extension.tenant-network': 'enabled' },
        resources: { cpuLimit: '500m' },
        driverConfig: { docker: { runtime: 'runc' } },
      },
      command: ['sh', '-c', 'sleep 1'],
      environment: { A: '1', KEY: { secret: 'hush' } },
      gpu: { count: 2 },
      extensionConfig: { 'tenant-network': { subnet: '10.0.0.0/24' } },
    });
    expect(SandboxCreateBody.safeParse(body).success).toBe(true);
  });

  it('says at its field what stops it', () => {
    const { errors } = createBody({ ...EMPTY_FORM, command: 'echo "', gpus: 'two', environment: [newPair('A', '1'), newPair('A', '2')] });
    expect(Object.keys(errors).sort()).toEqual(['/command', '/driver', '/environment/A', '/gpu', '/name']);
  });
});
