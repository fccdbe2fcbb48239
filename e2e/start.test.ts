import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { DriverView, listOf, SandboxRunView, SessionView } from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Product } from './harness/product.ts';

/** How the product begins: the first token, settings that cannot be, what is loaded where, and what a second start finds. */

describe('the first start', () => {
  let product: Product;
  let readyMs = 0;

  beforeAll(async () => {
    const began = Date.now();
    product = await Product.start({ drivers: 'process', env: { TENON_BOOTSTRAP_TOKEN: '' } });
    readyMs = Date.now() - began;
  });

  afterAll(async () => {
    await product?.remove();
  });

  it('shows an admin token, this once, which nothing else holds', async () => {
    const tokens = [...product.output.matchAll(/shown this once: (\S+)/g)].map(([, token = '']) => token);
    expect(tokens).toHaveLength(1);
    const [token = ''] = tokens;
    expect(await product.api.as(token).get(SessionView, 'GET /session')).toMatchObject({ kind: 'token', role: 'admin', workspaces: null });
    expect(await product.dump([])).not.toContain(token);
    expect(await product.stop()).toBe(0);
    await product.start();
    expect(product.output.match(/shown this once/g)).toHaveLength(1);
    expect((await product.api.as(token).ask('GET /session')).status).toBe(200);
    // It is an ordinary token: it can be revoked, by itself too.
    const { tokenId } = await product.api.as(token).get(SessionView, 'GET /session');
    expect((await product.api.as(token).ask(`DELETE /tokens/${tokenId}?reason=others+are+there`)).status).toBe(204);
    expect(await product.api.as(token).problem('GET /session')).toMatchObject({ code: 'unauthenticated' });
  });

  it('takes little time', () => {
    // The promise is 8 s on a quiet machine from a built tree; journeys share theirs with everything else.
    console.log(`ready after ${readyMs} ms, database and migrations included`);
    expect(readyMs).toBeLessThan(40_000);
  });
});

describe('settings that cannot be', () => {
  it.each([
    ['a port that is none', { TENON_PORT: 'high' }, /TENON_PORT is "high": .*0 to 65535/],
    ['a driver that is none', { TENON_DRIVERS: 'process,carrier-pigeon' }, /carrier-pigeon.*process, docker/],
    ['a database that is none', { DATABASE_URL: 'mysql://somewhere/x' }, /DATABASE_URL is set \(not shown\)/],
    ['a log level that is none', { TENON_LOG_LEVEL: 'loud' }, /TENON_LOG_LEVEL is "loud": .*info/],
    ['a configuration that is not there', { TENON_CONFIG: '/nowhere/tenon.config.yaml' }, /TENON_CONFIG names \/nowhere/],
    ['a public address that is none', { TENON_PUBLIC_URL: 'tenon' }, /TENON_PUBLIC_URL is "tenon"/],
    ['an encryption key of the wrong length', { TENON_ENCRYPTION_KEY: randomBytes(7).toString('base64') }, /TENON_ENCRYPTION_KEY/],
  ])('%s: it says which and what is expected, and ends', async (_, env, said) => {
    await expect(Product.start({ drivers: 'process', env })).rejects.toThrow(said);
  });

  it('a token that is too short is not shown', async () => {
    const failed = Product.start({ drivers: 'process', env: { TENON_BOOTSTRAP_TOKEN: 'my-short-one' } });
    await expect(failed).rejects.toThrow(/TENON_BOOTSTRAP_TOKEN.*16/);
    await failed.catch((error: Error) => expect(error.message).not.toContain('my-short-one'));
  });

  it.each([
    ['a key that is none', { colour: 'red' }, /colour is not a setting/],
    ['a limit that is none', { limits: { patience: 1 } }, /limits\.patience is not a setting/],
    ['a limit of the wrong kind', { limits: { attempts: 'three' } }, /limits\.attempts is "three": must be a number/],
    ['a pattern that is none', { secretPattern: '(' }, /must be a regular expression/],
  ])('in the file, %s', async (_, config, said) => {
    await expect(Product.start({ drivers: 'process', config })).rejects.toThrow(said);
  });

  it('a port that somebody else has', async () => {
    const other = createServer();
    await new Promise<void>((settle) => other.listen(0, '127.0.0.1', settle));
    const address = other.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    await expect(Product.start({ drivers: 'process', env: { TENON_PORT: String(address.port) } })).rejects.toThrow(/EADDRINUSE|in use/);
    other.close();
  });
});

describe('what is loaded', () => {
  it('is not `process` where the host is not loopback, unless it is named', async () => {
    const open = await Product.start({ drivers: '', env: { TENON_HOST: '0.0.0.0', DOCKER_HOST: 'unix:///nowhere/docker.sock' } });
    const names = async () => (await open.api.get(listOf(DriverView), 'GET /drivers')).items.map(({ name }) => name);
    expect(await names()).toEqual([]);
    await open.remove();
    const named = await Product.start({ drivers: 'process', env: { TENON_HOST: '0.0.0.0' } });
    expect((await named.api.get(listOf(DriverView), 'GET /drivers')).items).toMatchObject([{ name: 'process', isolation: 'none' }]);
    await named.remove();
  });

  it('is a driver that was named, although it does not answer: degraded, and the product ready', async () => {
    const product = await Product.start({ drivers: 'process,docker', env: { DOCKER_HOST: 'unix:///nowhere/docker.sock' } });
    expect((await product.api.as(null).ask('GET //readyz')).status).toBe(200);
    const docker = await product.api.get(DriverView, 'GET /drivers/docker');
    expect(['degraded', 'unavailable']).toContain(docker.health.state);
    const body = { name: 'x', driver: 'docker', template: { image: 'busybox:1' }, command: ['true'] };
    const problem = await product.api.problem('POST /sandboxes?wait=30s', { body });
    expect(problem).toMatchObject({ status: 503, code: 'driver_unavailable' });
    const { sandbox } = await product.api.create({ name: 'y', driver: 'process', command: ['sleep', '3600'] });
    expect(sandbox.state).toBe('ready');
    await product.api.delete(sandbox.id);
    await product.remove();
  });
});

describe('another encryption key at a later start', () => {
  it('takes no secret for another: what needs one says so, what needs none works, and the right key opens it again', async () => {
    const key = randomBytes(32).toString('base64');
    const env: Record<string, string> = { TENON_ENCRYPTION_KEY: key };
    const product = await Product.start({ drivers: 'process', env });
    const script = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.2; done'];
    const { sandbox } = await product.api.create({ name: 'locked', driver: 'process', command: script, environment: { API_KEY: 'opens-the-door' } });
    await product.api.get(SandboxRunView, `POST /sandboxes/${sandbox.id}/stop?wait=30s`);
    await product.stop();
    env.TENON_ENCRYPTION_KEY = randomBytes(32).toString('base64');
    const wrong = await product.start().then(
      () => null,
      (error: Error) => error.message,
    );
    if (wrong === null) {
      const problem = await product.api.problem(`POST /sandboxes/${sandbox.id}/start?wait=30s`);
      expect(problem.detail).toMatch(/key|secret/i);
      expect((await product.api.sandbox(sandbox.id)).state).toBe('stopped');
      await product.stop();
    } else {
      expect(wrong).toMatch(/TENON_ENCRYPTION_KEY|encryption key/);
      await product.stop();
    }
    env.TENON_ENCRYPTION_KEY = key;
    await product.start();
    expect((await product.api.get(SandboxRunView, `POST /sandboxes/${sandbox.id}/start?wait=30s`)).sandbox.state).toBe('ready');
    await product.api.delete(sandbox.id);
    await product.remove();
  });
});
