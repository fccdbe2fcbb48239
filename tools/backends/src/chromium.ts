import { spawnSync } from 'node:child_process';
import { type Backend, BackendProblem, type BackendStatus } from './backend.ts';
import { findProgram, isExecutable } from './find-program.ts';

const REMEDY = 'apt-get install -y chromium, or name a browser in TENON_CHROMIUM';

/** Journeys start a browser of their own: here it only has to be found. */
export const chromium: Backend = {
  name: 'chromium',

  async up() {
    const status = look();
    if (status.state !== 'up') throw new BackendProblem(status.detail, REMEDY);
    return status;
  },

  async down() {
    return look();
  },

  async status() {
    return look();
  },

  async env() {
    const program = find();
    return program ? { TENON_CHROMIUM: program } : {};
  },
};

function find(): string | null {
  const named = process.env.TENON_CHROMIUM;
  if (named) return isExecutable(named) ? named : null;
  return findProgram('chromium', 'chromium-browser', 'google-chrome');
}

function look(): BackendStatus {
  const program = find();
  if (!program) {
    const named = process.env.TENON_CHROMIUM;
    return { state: 'missing', detail: named ? `TENON_CHROMIUM names ${named}, which cannot be run: ${REMEDY}` : `no Chromium: ${REMEDY}`, pid: null };
  }
  const version = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 20_000 });
  if (version.status !== 0) return { state: 'missing', detail: `${program} --version failed: ${version.stderr.trim() || version.error?.message}`, pid: null };
  return { state: 'up', detail: `${program} (${version.stdout.trim()})`, pid: null };
}
