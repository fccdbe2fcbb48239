import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A line to the real Engine that can be cut: a Unix socket of its own, which the product is given as DOCKER_HOST. */
export class EngineLine {
  readonly #directory = mkdtempSync(join(tmpdir(), 'tenon-line-'));
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #away = false;
  #lose: RegExp | null = null;
  /** Answers that were lost on the way. */
  lost = 0;

  private constructor() {
    const real = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').slice('unix://'.length);
    this.#server = createServer((near) => {
      if (this.#away) {
        near.destroy();
        return;
      }
      const far = connect(real);
      for (const socket of [near, far]) {
        this.#open.add(socket);
        socket.once('close', () => {
          this.#open.delete(socket);
          near.destroy();
          far.destroy();
        });
        socket.on('error', () => socket.destroy());
      }
      let losing = false;
      near.on('data', (chunk: Buffer) => {
        if (this.#lose?.test(chunk.toString('latin1')) === true) {
          losing = true;
          this.#lose = null;
        }
        far.write(chunk);
      });
      far.on('data', (chunk: Buffer) => {
        if (losing) {
          this.lost += 1;
          near.destroy();
        } else near.write(chunk);
      });
      near.once('end', () => far.end());
      far.once('end', () => near.end());
    });
  }

  static async lay(): Promise<EngineLine> {
    const line = new EngineLine();
    await new Promise<void>((settle) => line.#server.listen(line.#path, settle));
    return line;
  }

  get host(): string {
    return `unix://${this.#path}`;
  }

  get #path(): string {
    return join(this.#directory, 'docker.sock');
  }

  /** From now on nobody gets through; what is under way is cut. */
  cut(): void {
    this.#away = true;
    for (const socket of this.#open) socket.destroy();
  }

  mend(): void {
    this.#away = false;
  }

  /** The next request that matches reaches the Engine, and its answer gets lost. */
  loseAnswerOf(request: RegExp): void {
    this.#lose = request;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise<void>((settle) => this.#server.close(() => settle()));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
