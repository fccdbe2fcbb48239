import { ERROR_CODE_NAMES, RUN_STATUSES, SANDBOX_STATES } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  ActivationBody,
  ActivationPatch,
  ActivationPreviewBody,
  ErrorCodeName,
  ExtensionBody,
  RunListQuery,
  RunView,
  SandboxCreateBody,
  SandboxListQuery,
  SandboxView,
  TokenBody,
} from './index.ts';

const issues = (result: { error?: z.ZodError | undefined }) => result.error?.issues ?? [];

describe('the contract', () => {
  it('takes the example of contract.md as it stands', () => {
    const body = SandboxCreateBody.parse({
      name: 'demo',
      workspace: 'team-a',
      driver: 'docker',
      template: {
        image: 'busybox:1',
        labels: { 'openshell.io/extension.tenant-network': 'enabled' },
        environment: {},
        resources: { cpuLimit: '500m', memoryLimit: '128Mi' },
        driverConfig: { docker: {} },
        platformConfig: {},
      },
      command: ['sleep', '3600'],
      environment: { A: '1', API_KEY: { secret: 'x' } },
      gpu: { count: 1 },
      tty: false,
      claims: { tenant: 'acme' },
      extensionConfig: { 'tenant-network': { subnet: '10.0.0.0/24' } },
    });
    expect(body.environment).toEqual({ A: '1', API_KEY: { secret: 'x' } });
    expect(ActivationBody.parse({ extension: 'tenant-network', mode: 'enforce', reason: 'because' })).toMatchObject({
      percentage: 100,
      order: 1000,
      scope: {},
      config: {},
      grant: null,
    });
    const manifest = { contract: 'tenon.dev/extension/v1', name: 'n', revision: '1.0.0', activation: { mode: 'global' }, hooks: [] };
    expect(ExtensionBody.safeParse({ manifest, transport: { kind: 'http', url: 'http://127.0.0.1:9000', secret: 'x' } }).success).toBe(true);
  });

  it('fills in what a short create leaves out', () => {
    expect(SandboxCreateBody.parse({ name: 'a', driver: 'process' })).toMatchObject({
      workspace: 'default',
      template: { labels: {}, environment: {}, resources: {}, driverConfig: {}, platformConfig: {} },
      command: [],
      gpu: null,
    });
  });

  it.each(['A', '-a', 'a-', 'a--b', '', 'a'.repeat(64), 'a_b'])('refuses the sandbox name %j', (name) => {
    expect(SandboxCreateBody.safeParse({ name, driver: 'process' }).success).toBe(false);
  });

  it('refuses unknown fields with their names, at every depth', () => {
    const wrong = SandboxCreateBody.safeParse({ name: 'a', driver: 'process', colour: 1, template: { imagee: 'x' } });
    expect(issues(wrong).map((issue) => [issue.code, issue.path.join('/'), 'keys' in issue ? issue.keys : []])).toEqual([
      ['unrecognized_keys', 'template', ['imagee']],
      ['unrecognized_keys', '', ['colour']],
    ]);
  });

  it('leaves absent what a patch does not name', () => {
    expect(ActivationPatch.parse({ percentage: 30, reason: 'slowly' })).toEqual({ percentage: 30, reason: 'slowly' });
    expect(ActivationPatch.safeParse({ percentage: 30 }).success).toBe(false);
    expect(ActivationPreviewBody.parse({ id: 'x', delete: true })).toEqual({ id: 'x', delete: true });
    expect(ActivationPreviewBody.parse({ id: 'x', change: { mode: 'shadow' } })).toEqual({ id: 'x', change: { mode: 'shadow' } });
  });

  it('reads a query as text and as JSON', () => {
    expect(RunListQuery.parse({ status: 'failed,failed_with_debt', limit: '20' })).toEqual({ status: ['failed', 'failed_with_debt'], limit: 20 });
    expect(RunListQuery.parse({ status: ['failed'], limit: 20 })).toEqual({ status: ['failed'], limit: 20 });
    for (const limit of ['0', '201', 'x', '-1', '1.5', 0, 201]) expect(RunListQuery.safeParse({ limit }).success).toBe(false);
    expect(SandboxListQuery.safeParse({ colour: 'red' }).success).toBe(false);
    expect(TokenBody.parse({ name: 'ci', role: 'operator' })).toEqual({
      name: 'ci',
      role: 'operator',
      workspaces: null,
      claims: {},
      assertClaims: false,
      expiresAt: null,
    });
  });

  it('derives its closed lists from the vocabulary', () => {
    expect(SandboxView.shape.state.options).toEqual([...SANDBOX_STATES]);
    expect(RunView.shape.status.options).toEqual([...RUN_STATUSES]);
    expect(ErrorCodeName.options).toEqual(ERROR_CODE_NAMES);
  });

  it('can be written as JSON Schema', () => {
    expect(z.toJSONSchema(RunView)).toMatchObject({ type: 'object' });
    expect(z.toJSONSchema(SandboxCreateBody, { io: 'input' })).toMatchObject({ required: ['name', 'driver'] });
    expect(z.toJSONSchema(RunListQuery, { io: 'input' })).toMatchObject({ properties: { status: { type: 'array' } } });
  });
});
