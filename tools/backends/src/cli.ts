import { type Backend, BackendProblem, type BackendStatus } from './backend.ts';
import { chromium } from './chromium.ts';
import { docker } from './docker.ts';
import { backendsDirectory } from './place.ts';
import { postgres } from './postgres.ts';
import { table } from './table.ts';

const BACKENDS: readonly Backend[] = [postgres, docker, chromium];

const USAGE = `npm run backends -- up|down|status|env [name…]

  up       start what is named (all: ${BACKENDS.map(({ name }) => name).join(', ')}) and wait until it answers
  down     end what an earlier up started, and nothing else
  status   show what is up, where, and what is missing
  env      print export lines by which tests find what is up: eval "$(npm run -s backends -- env)"

Everything lives under TENON_BACKENDS_DIR (now ${backendsDirectory()}). DATABASE_URL, where set, stands for postgres; TENON_CHROMIUM for chromium.`;

process.exitCode = await main(process.argv.slice(2));

async function main([verb, ...names]: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !BACKENDS.some((backend) => backend.name === name));
  if (unknown.length > 0) {
    console.error(`no backend is called ${unknown.join(', ')}; there are ${BACKENDS.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const chosen = names.length === 0 ? BACKENDS : BACKENDS.filter(({ name }) => names.includes(name));
  switch (verb) {
    case 'up':
      return report(chosen, (backend) => backend.up());
    case 'down':
      return report(chosen.toReversed(), (backend) => backend.down());
    case 'status':
      return report(chosen, (backend) => backend.status());
    case 'env':
      for (const backend of chosen) {
        for (const [name, value] of Object.entries(await backend.env())) console.log(`export ${name}='${value.replaceAll("'", "'\\''")}'`);
      }
      return 0;
    default:
      console.error(USAGE);
      return verb === undefined || verb === 'help' ? 0 : 2;
  }
}

/** Does one thing to each backend, shows the table, and says of each that failed what would help. */
async function report(backends: readonly Backend[], act: (backend: Backend) => Promise<BackendStatus>): Promise<number> {
  const rows: string[][] = [['BACKEND', 'STATE', 'PID', 'DETAIL']];
  const problems: string[] = [];
  for (const backend of backends) {
    try {
      const { state, pid, detail } = await act(backend);
      rows.push([backend.name, state, pid === null ? '-' : String(pid), detail]);
    } catch (error) {
      if (!(error instanceof BackendProblem)) throw error;
      rows.push([backend.name, 'failed', '-', error.message]);
      problems.push(`${backend.name}: ${error.remedy}`);
    }
  }
  console.log(table(rows));
  for (const problem of problems) console.error(problem);
  return problems.length > 0 ? 1 : 0;
}
