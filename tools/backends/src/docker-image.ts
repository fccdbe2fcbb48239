import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackendProblem } from './backend.ts';
import { engineRequest } from './docker-engine.ts';
import { findProgram } from './find-program.ts';

const IMAGE = 'busybox:1';

/** Imports `busybox:1` from this machine's static busybox where the Engine lacks it: tests need no registry. */
export async function ensureBusybox(socket: string, place: string): Promise<void> {
  const known = await engineRequest(socket, 'GET', `/images/${IMAGE}/json`);
  if (known.status === 200) return;
  const busybox = findProgram('busybox');
  if (!busybox || !isStatic(busybox)) throw new BackendProblem(`${busybox ?? 'busybox'} is not a static program`, 'apt-get install -y busybox-static');
  const root = mkdtempSync(join(place, 'image-'));
  try {
    fill(root, busybox);
    await importTree(socket, root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function fill(root: string, busybox: string): void {
  for (const directory of ['bin', 'etc', 'tmp', 'root', 'proc', 'sys', 'dev', 'var']) mkdirSync(join(root, directory));
  copyFileSync(busybox, join(root, 'bin', 'busybox'));
  const applets = spawnSync(busybox, ['--list'], { encoding: 'utf8' }).stdout.split('\n');
  for (const applet of applets) if (applet && applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
  writeFileSync(join(root, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n');
  writeFileSync(join(root, 'etc', 'group'), 'root:x:0:\nnogroup:x:65534:\n');
}

async function importTree(socket: string, root: string): Promise<void> {
  const tar = spawn('tar', ['--create', '--owner=0', '--group=0', '--directory', root, '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [repository, tag] = IMAGE.split(':');
  const changes = ['ENV PATH=/bin', 'CMD ["sh"]'].map((change) => `&changes=${encodeURIComponent(change)}`).join('');
  const imported = await engineRequest(socket, 'POST', `/images/create?fromSrc=-&repo=${repository}&tag=${tag}${changes}`, tar.stdout);
  // The answer is a stream of JSON lines: a failure after its first byte comes with status 200.
  if (imported.status !== 200 || imported.body.includes('"error"'))
    throw new BackendProblem(`${IMAGE} could not be imported: ${imported.body.trim()}`, 'free some disk, then bring docker up again');
}

/** Whether an ELF program asks for no interpreter (no PT_INTERP among its program headers). */
function isStatic(program: string): boolean {
  const elf = readFileSync(program);
  if (elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1) return false;
  const table = Number(elf.readBigUInt64LE(32));
  const [size, count] = [elf.readUInt16LE(54), elf.readUInt16LE(56)];
  for (let i = 0; i < count; i += 1) if (elf.readUInt32LE(table + i * size) === 3) return false;
  return true;
}
