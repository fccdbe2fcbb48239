import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { builtServer } from './built-server.ts';
import { Client } from './client.ts';
import { type Database, freshDatabase } from './database.ts';
import { removeAllOf } from './docker.ts';

const READY_MS = 60_000;
const END_MS = 40_000;

export interface ProductOptions {
  /** `TENON_DRIVERS`. */
  readonly drivers: string;
  /** The configuration file's keys. */
  readonly config?: object;
  readonly env?: Readonly<Record<string, string>>;
  readonly seen?: (text: string) => void;
}

/** One installation of Tenon: its data, and the process that serves it, which may end and be started again. */
export class Product {
  readonly dataDir: string;
  readonly token: string;
  /** Everything that every process of it wrote to stdout and stderr. */
  output = '';
  readonly #options: ProductOptions;
  readonly #database: Database;
  #child: ChildProcess | null = null;
  #origin = '';

  private constructor(options: ProductOptions, database: Database, dataDir: string, token: string) {
    this.#options = options;
    this.#database = database;
    this.dataDir = dataDir;
    this.token = token;
  }

  static async start(options: ProductOptions): Promise<Product> {
    const dataDir = mkdtempSync(join(tmpdir(), 'tenon-journey-'));
    chmodSync(dataDir, 0o711);
    const product = new Product(options, await freshDatabase(), dataDir, `journey-${randomBytes(18).toString('base64url')}`);
    try {
      await product.start();
    } catch (error) {
      await product.remove();
      throw error;
    }
    return product;
  }

  /** A second process of the same installation, on the same data; whoever asked for it stops it before the first is removed. */
  async replica(): Promise<Product> {
    const other = new Product(this.#options, this.#database, this.dataDir, this.token);
    await other.start();
    return other;
  }

  get runs(): boolean {
    return this.#child !== null;
  }

  /** A client with the bootstrap token, at the process that runs now. */
  get api(): Client {
    return new Client(this.#origin, this.token, this.#options.seen);
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the product does not run');
    return pid;
  }

  /** Settles at `/readyz`. */
  async start(): Promise<void> {
    if (this.#child !== null) throw new Error('the product runs already');
    const config = join(this.dataDir, 'journey.yaml');
    writeFileSync(config, JSON.stringify(this.#options.config ?? {}));
    const child = spawn(process.execPath, [builtServer()], {
      env: {
        ...outsideOf(process.env),
        NODE_ENV: 'production',
        TENON_WEB: 'off',
        TENON_HOST: '127.0.0.1',
        TENON_PORT: '0',
        TENON_DATA_DIR: this.dataDir,
        TENON_BOOTSTRAP_TOKEN: this.token,
        TENON_DRIVERS: this.#options.drivers,
        TENON_CONFIG: config,
        ...(this.#database.url === null ? {} : { DATABASE_URL: this.#database.url }),
        ...this.#options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const before = this.output.length;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        this.output += text;
      });
    }
    const until = Date.now() + READY_MS;
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > until) {
        throw new Error(`the product did not become ready (exit ${child.exitCode ?? child.signalCode ?? 'none'}):\n${this.output.slice(-8000)}`);
      }
      this.#origin = /^Tenon is at (\S+)$/m.exec(this.output.slice(before))?.[1] ?? '';
      if (this.#origin !== '' && (await this.api.as(null).ask('GET //readyz')).status === 200) return;
      await sleep(50);
    }
  }

  /** Told to end. Answers its exit code. */
  async stop(): Promise<number | null> {
    return (await this.#end('SIGTERM')).exitCode;
  }

  /** Ended as a machine that loses power ends it. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  query<Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.#database.query<Row>(this.dataDir, sql, values);
  }

  dump(leaveOut: readonly string[]): Promise<string> {
    return this.#database.dump(this.dataDir, leaveOut);
  }

  /** Ends what runs and takes away its data. */
  async remove(): Promise<void> {
    const made = this.#options.drivers.includes('docker') && this.#child !== null ? await this.#installation() : null;
    if (this.#child !== null) await this.stop();
    if (made !== null) await removeAllOf(made);
    await this.#database.remove(this.dataDir);
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** Null where the process never came so far. */
  async #installation(): Promise<string | null> {
    if (this.#origin === '') return null;
    return (await this.query<{ id: string }>('SELECT id FROM installation'))[0]?.id ?? null;
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<ChildProcess> {
    const child = this.#child;
    if (child === null) throw new Error('the product does not run');
    this.#child = null;
    if (child.exitCode !== null || child.signalCode !== null) return child;
    const ended = new Promise<void>((settle) => child.once('exit', () => settle()));
    child.kill(signal);
    if ((await Promise.race([ended.then(() => true), sleep(END_MS).then(() => false)])) === false) {
      child.kill('SIGKILL');
      throw new Error(`the product did not end within ${END_MS} ms of ${signal}:\n${this.output.slice(-8000)}`);
    }
    return child;
  }
}

/** The environment without what would change the product: only Docker's own variable goes through. */
function outsideOf(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(TENON_|OTEL_|DATABASE_URL|NODE_|VITEST)/.test(name)));
}
