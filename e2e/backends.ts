import { request } from 'node:http';

type Backend = 'postgres' | 'docker' | 'chromium';

/**
 * Whether a journey that needs a backend runs. `absence` is null, or why the backend is not there: then the journey skips with that
 * reason printed, unless TENON_REQUIRE names the backend: then its absence fails.
 */
export function backendAnswers(name: Backend, absence: string | null): boolean {
  if (absence === null) return true;
  if ((process.env.TENON_REQUIRE ?? '').split(',').includes(name)) throw new Error(`TENON_REQUIRE names ${name}, and it is not there: ${absence}`);
  console.warn(`SKIPPED what needs ${name}: ${absence}. Try: npm run backends -- up ${name}`);
  return false;
}

/** Null where the Engine that DOCKER_HOST names (else the usual socket) answers and has `busybox:1`. */
export async function dockerAbsence(): Promise<string | null> {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  if (!host.startsWith('unix://')) return `DOCKER_HOST is ${host}; these journeys use a Unix socket`;
  return new Promise((settle) => {
    const call = request({ socketPath: host.slice('unix://'.length), path: '/images/busybox:1/json', timeout: 5_000 }, (answer) => {
      answer.resume();
      settle(answer.statusCode === 200 ? null : `the Engine at ${host} has no image busybox:1 (${answer.statusCode})`);
    });
    call.once('timeout', () => call.destroy(new Error('it did not answer within 5 s')));
    call.once('error', (error) => settle(`no Engine at ${host}: ${error.message}`));
    call.end();
  });
}
