/** Measures the goal that its argument names, in a process of its own, and sends the outcomes to whoever started it. */
import { BackendAbsent, type Outcome } from './figures.ts';
import { GOALS } from './goals.ts';

async function measure(name: string): Promise<readonly Outcome[]> {
  const goal = GOALS[name];
  if (goal === undefined) throw new Error(`there is no goal ${JSON.stringify(name)}; there are ${Object.keys(GOALS).join(', ')}`);
  try {
    return await goal();
  } catch (error) {
    if (error instanceof BackendAbsent) return [{ name, skipped: error.message, backend: error.backend }];
    throw error;
  }
}

const outcomes = await measure(process.argv[2] ?? '');
if (process.send) process.send(outcomes, () => process.disconnect());
else console.log(JSON.stringify(outcomes, null, 2));
