import { describe, expect, it } from 'vitest';
import { isMet, lineOf, median } from './figures.ts';

const atMost = { name: 'G1', bound: '<=', limit: 10 } as const;
const atLeast = { name: 'G2a', bound: '>=', limit: 5 } as const;

describe('median', () => {
  it('is the middle one, whatever the order, and does not change what it was given', () => {
    const values = [9, 1, 5];
    expect(median(values)).toBe(5);
    expect(values).toEqual([9, 1, 5]);
  });
  it('is the mean of the two in the middle of an even number', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
  it('refuses an empty list, which would read as a figure', () => {
    expect(() => median([])).toThrow('nothing');
  });
});

describe('a line', () => {
  it('is exactly what readers of the bench parse', () => {
    expect(lineOf({ goal: atMost, figure: 7.31, detail: '' })).toBe('G1 ratio=7.31 goal<=10 ok');
    expect(lineOf({ goal: atMost, figure: 12.4, detail: '' })).toBe('G1 ratio=12.40 goal<=10 MISSED');
    expect(lineOf({ goal: atLeast, figure: 4.2, detail: '' })).toBe('G2a ratio=4.20 goal>=5 MISSED');
    expect(lineOf({ goal: { name: 'G6', bound: '>=', limit: 0.75 }, figure: 0.8, detail: '' })).toBe('G6 ratio=0.80 goal>=0.75 ok');
  });
  it('never rounds a missed figure to one that looks met', () => {
    expect(lineOf({ goal: atMost, figure: 10.004, detail: '' })).toBe('G1 ratio=10.01 goal<=10 MISSED');
    expect(lineOf({ goal: atLeast, figure: 4.999, detail: '' })).toBe('G2a ratio=4.99 goal>=5 MISSED');
  });
  it('names the unit of a figure that is no ratio', () => {
    expect(lineOf({ goal: { name: 'ready', unit: 'ms', bound: '<=', limit: 8000 }, figure: 3411.2, detail: '' })).toBe('ready ms=3412 goal<=8000 ok');
  });
  it('says in one line why a goal was skipped', () => {
    expect(lineOf({ name: 'G7', skipped: 'no docker:\n  ENOENT', backend: 'docker' })).toBe('G7 SKIPPED: no docker: ENOENT');
  });
});

describe('a goal', () => {
  it('is met at its bound, and missed by what is no number', () => {
    expect(isMet(atMost, 10)).toBe(true);
    expect(isMet(atLeast, 5)).toBe(true);
    expect(isMet(atMost, Number.NaN)).toBe(false);
    expect(isMet(atLeast, Number.NaN)).toBe(false);
  });
});
