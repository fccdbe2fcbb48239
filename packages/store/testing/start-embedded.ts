// A process that starts the embedded server and stays: what the tests kill.
import { startEmbedded } from '../src/embedded.ts';

const dataDir = process.argv[2];
if (dataDir === undefined) throw new Error('usage: start-embedded <data directory>');
const embedded = await startEmbedded({ dataDir, log: (line) => console.error(line) });
console.log(JSON.stringify({ databaseUrl: embedded.databaseUrl }));
process.once('SIGTERM', () => void embedded.stop().then(() => process.exit(0)));
setInterval(() => undefined, 60_000);
