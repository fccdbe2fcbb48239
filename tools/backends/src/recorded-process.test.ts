import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { end, isAlive, record, startDetached } from './recorded-process.ts';
import { waitUntil } from './wait-until.ts';

const place = mkdtempSync(join(tmpdir(), 'tenon-backends-test-'));
const log = join(place, 'log');
afterAll(() => rmSync(place, { recursive: true }));

describe('a recorded process', () => {
  it('outlives nothing but its own end', async () => {
    const recorded = await startDetached('/bin/sleep', ['60'], { log, cwd: place });
    expect(isAlive(recorded)).toBe(true);
    expect(await end(recorded, [['SIGTERM', 5_000]])).toBe(true);
    expect(isAlive(recorded)).toBe(false);
  });

  it('is asked again, louder, where it does not listen', async () => {
    const recorded = await startDetached('/bin/sh', ['-c', 'trap "" TERM; echo deaf; while :; do sleep 0.1; done'], { log, cwd: place });
    await waitUntil(async () => readFileSync(log, 'utf8').includes('deaf'), 5_000);
    expect(await end(recorded, [['SIGTERM', 200]])).toBe(false);
    expect(await end(recorded, [['SIGKILL', 5_000]])).toBe(true);
  });

  it('is never taken for another one under the same pid', async () => {
    const mine = record(process.pid);
    expect(mine).not.toBeNull();
    const other = { pid: process.pid, startTicks: '1' };
    expect(isAlive(other)).toBe(false);
    // This very test would end here if the start time were not looked at.
    expect(await end(other, [['SIGKILL', 100]])).toBe(true);
  });

  it('says so where the program is not there', async () => {
    await expect(startDetached('/no/such/program', [], { log, cwd: place })).rejects.toThrow('ENOENT');
  });
});
