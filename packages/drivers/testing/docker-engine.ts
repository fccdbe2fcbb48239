import { access, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { detectDocker } from '../src/docker/index.ts';

export const TEST_IMAGE = 'busybox:1';

/**
 * The Engine that tests may use, with the test image on it; null where there is none, the reason printed. Where TENON_REQUIRE names
 * docker its absence throws instead.
 */
export async function engineForTests(): Promise<{ readonly docker: Docker; readonly host: string } | null> {
  const found = await detectDocker(process.env);
  const reason = found.found ? await imageTrouble(clientOf(found.host)) : found.reason;
  if (reason === null) return { docker: clientOf(found.host), host: found.host };
  if ((process.env.TENON_REQUIRE ?? '').split(',').includes('docker')) throw new Error(`docker is required and cannot be used: ${reason}`);
  console.warn(`SKIPPED, no docker: ${reason}`);
  return null;
}

function clientOf(host: string): Docker {
  const url = host.startsWith('unix://') ? null : new URL(host);
  return url === null
    ? new Docker({ socketPath: host.slice('unix://'.length), host: '', protocol: 'http' })
    : new Docker({ host: url.hostname, port: url.port, protocol: 'http' });
}

/** Makes the image from this machine's static busybox where it is not there yet: no registry is asked. */
async function imageTrouble(docker: Docker): Promise<string | null> {
  const images = await docker.listImages({ filters: { reference: [TEST_IMAGE] } });
  if (images.length > 0) return null;
  const busybox = await onPath('busybox');
  if (busybox === null) return `image ${TEST_IMAGE} is not there, and no busybox to make it from (Debian: busybox-static)`;
  await importImage(docker, busybox, TEST_IMAGE, ['ENV PATH=/bin']);
  return null;
}

const APPLETS = [
  'sh',
  'sleep',
  'echo',
  'cat',
  'env',
  'wc',
  'nc',
  'httpd',
  'id',
  'ls',
  'rm',
  'touch',
  'true',
  'false',
  'hostname',
  'ip',
  'dd',
  'kill',
  'mkdir',
  'printf',
  'tail',
  'head',
  'grep',
];

/** Imports an image of busybox with its applets; `changes` as in a Dockerfile. */
export async function importImage(docker: Docker, busybox: string, reference: string, changes: readonly string[]): Promise<void> {
  const archive = pack();
  archive.entry({ name: 'bin/busybox', mode: 0o755 }, await readFile(busybox));
  for (const applet of APPLETS) archive.entry({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox' });
  archive.entry({ name: 'tmp', type: 'directory', mode: 0o1777 });
  archive.entry({ name: 'etc', type: 'directory', mode: 0o755 });
  archive.entry({ name: 'etc/passwd' }, 'root:x:0:0:root:/:/bin/sh\n');
  archive.finalize();
  const [repo, tag] = reference.split(':');
  const answer = await docker.importImage(Readable.from(archive), { repo, tag, changes: [...changes] });
  const said = await text(answer as NodeJS.ReadableStream & AsyncIterable<Buffer>);
  if (said.includes('"error"')) throw new Error(`importing ${reference} failed: ${said}`);
}

export async function onPath(program: string): Promise<string | null> {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(directory, program);
    try {
      await access(path);
      return path;
    } catch {
      // Not in this directory: the next one.
    }
  }
  return null;
}
