/** Measures the goal that its argument names, in a process of its own, and sends the outcomes to whoever started it. */
import { GOALS } from './goals.ts';

const name = process.argv[2] ?? '';
const goal = GOALS[name];
if (goal === undefined) throw new Error(`there is no goal ${JSON.stringify(name)}; there are ${Object.keys(GOALS).join(', ')}`);
const outcomes = await goal();
if (process.send) process.send(outcomes, () => process.disconnect());
else console.log(JSON.stringify(outcomes, null, 2));
