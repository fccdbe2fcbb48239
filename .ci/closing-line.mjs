// Reads vitest's JSON report and writes "N passed, N failed" alone on the last line. A file that failed before its tests counts as one
// failure; a test that was skipped is named, and is a failure of the run, because here every backend is there.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
let passed = 0;
let failed = 0;
const skipped = [];
for (const file of report.testResults) {
  const states = file.assertionResults.map(({ status }) => status);
  passed += states.filter((status) => status === 'passed').length;
  failed += states.filter((status) => status === 'failed').length;
  if (file.status === 'failed' && !states.includes('failed')) {
    failed += 1;
    console.log(`FAILED ${file.name}: ${file.message}`);
  }
  for (const { status, fullName } of file.assertionResults) {
    if (status === 'failed') console.log(`FAILED ${fullName}`);
    if (status !== 'passed' && status !== 'failed') skipped.push(`${file.name}: ${fullName}`);
  }
}
for (const name of skipped) console.log(`SKIPPED ${name}`);
console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
process.exitCode = failed > 0 || skipped.length > 0 || passed === 0 || !report.success ? 1 : 0;
