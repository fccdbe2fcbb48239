import { type ChildProcess, spawn } from 'node:child_process';
import { connect, createServer, type Socket } from 'node:net';

/** Sends the same GET over keep-alive connections, one request at a time on each, until `count` were answered. Answers requests per second. */
export async function requestsPerSecond(options: {
  readonly port: number;
  readonly path: string;
  readonly token: string;
  readonly connections: number;
  readonly count: number;
}): Promise<number> {
  const request = `GET ${options.path} HTTP/1.1\r\nhost: 127.0.0.1:${options.port}\r\nauthorization: Bearer ${options.token}\r\naccept: application/json\r\n\r\n`;
  let left = options.count;
  const more = () => {
    left -= 1;
    return left >= 0;
  };
  const before = performance.now();
  await Promise.all(Array.from({ length: options.connections }, () => ask(options.port, request, more)));
  return options.count / ((performance.now() - before) / 1000);
}

/** One connection. It reads no more of an answer than its status and length: the client must not be what is measured. */
function ask(port: number, request: string, more: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let text = '';
    const next = () => {
      if (more()) socket.write(request);
      else socket.end(resolve);
    };
    socket.setEncoding('latin1');
    socket.on('connect', next);
    socket.on('error', reject);
    socket.on('data', (data) => {
      text += data;
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1];
      if (!text.startsWith('HTTP/1.1 200 ') || length === undefined) {
        socket.destroy();
        reject(new Error(`unexpected answer: ${text.slice(0, 400)}`));
      } else if (text.length >= end + 4 + Number(length)) {
        text = '';
        next();
      }
    });
  });
}

export interface Server {
  readonly pid: number;
  readonly port: number;
  readonly readyMs: number;
  stop(): Promise<void>;
}

/** Starts a server of ours as a process of its own and waits until `path` answers 200. */
export async function startServer(program: string, env: Readonly<Record<string, string>>, port: number, path: string): Promise<Server> {
  const before = performance.now();
  // Node's own flags go on to it, so that a profile can be taken (node --cpu-prof bench/dist/one-goal.mjs G6).
  const child = spawn(process.execPath, [...process.execArgv, program], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const keep = (data: Buffer) => {
    said = (said + data.toString()).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const url = `http://127.0.0.1:${port}${path}`;
  while (!(await answers(url))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${program} ended before it was ready: ${said}`);
    if (performance.now() - before > 120_000) {
      child.kill('SIGKILL');
      throw new Error(`${program} was not ready within two minutes: ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return { pid: child.pid ?? 0, port, readyMs: performance.now() - before, stop: () => stopped(child) };
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url);
    await answer.arrayBuffer();
    return answer.status === 200;
  } catch {
    // Nobody listens yet.
    return false;
  }
}

function stopped(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    const patience = setTimeout(() => child.kill('SIGKILL'), 20_000);
    child.once('exit', () => {
      clearTimeout(patience);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/** A port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port was given'))));
    });
  });
}
