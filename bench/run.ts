/** `npm run bench [-- G1 G4 …]`: one line a goal, against the peer or limit measured in the same process at the same time. Figures go to stderr. */
import { fork } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bundleGoals } from './bundle.ts';
import { lineOf, type Outcome } from './figures.ts';
import { GOALS } from './goals.ts';

const GOAL_TIMEOUT_MS = 600_000;
/** `BENCH_NODE="--cpu-prof --cpu-prof-dir=…"`: flags for the process that measures, and for the servers that it starts. */
const PROFILED = (process.env.BENCH_NODE ?? '').split(' ').filter((flag) => flag !== '');

function measure(program: string, goal: string): Promise<readonly Outcome[]> {
  return new Promise((resolve, reject) => {
    // stdout is for the lines only: what a library prints in passing goes to stderr.
    const child = fork(program, [goal], {
      execArgv: ['--expose-gc', ...PROFILED],
      stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
      timeout: GOAL_TIMEOUT_MS,
      env: { ...process.env, NODE_ENV: 'production' },
    });
    let outcomes: readonly Outcome[] | null = null;
    child.on('message', (message) => {
      outcomes = message as readonly Outcome[];
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (outcomes !== null) resolve(outcomes);
      else reject(new Error(`${goal} ended with ${signal ?? `code ${code}`} before it had a figure`));
    });
  });
}

const wanted = process.argv.slice(2).map((name) => name.toUpperCase());
const unknown = wanted.filter((name) => GOALS[name] === undefined);
if (unknown.length > 0) {
  console.error(`There is no goal ${unknown.join(', ')}; there are ${Object.keys(GOALS).join(', ')}.`);
  process.exit(2);
}

const required = new Set((process.env.TENON_REQUIRE ?? '').split(',').map((name) => name.trim()));
const program = await bundleGoals();
let failed = false;
for (const goal of wanted.length > 0 ? wanted : Object.keys(GOALS)) {
  try {
    for (const outcome of await measure(program, goal)) {
      console.log(lineOf(outcome));
      if ('skipped' in outcome) failed ||= required.has(outcome.backend);
      else console.error(`  ${outcome.detail}`);
    }
  } catch (error) {
    failed = true;
    console.log(`${goal} FAILED: ${error instanceof Error ? error.message : String(error)}`);
  }
}
await rm(dirname(program), { recursive: true, force: true });
process.exitCode = failed ? 1 : 0;
