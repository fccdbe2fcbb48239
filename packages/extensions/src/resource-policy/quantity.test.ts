import { expect, it } from 'vitest';
import { cpuMillis, memoryBytes } from './quantity.ts';

it.each([
  ['500m', 500],
  ['2', 2000],
  ['0.5', 500],
  ['', null],
  ['two', null],
  ['-1', null],
  ['1Gi', null],
])('reads %j as thousandths of a core', (text, millis) => {
  expect(cpuMillis(text)).toBe(millis);
});

it.each([
  ['1048576', 1_048_576],
  ['128Mi', 134_217_728],
  ['1.5Gi', 1_610_612_736],
  ['2G', 2_000_000_000],
  ['1Zi', null],
  ['Mi', null],
  ['1e3', null],
])('reads %j as bytes', (text, bytes) => {
  expect(memoryBytes(text)).toBe(bytes);
});
