import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openDraft } from './draft.ts';
import { anyPlan } from './plan-arbitraries.ts';
import { samplePlan } from './plan-sample.ts';

interface Sample {
  name: string;
  labels: Record<string, unknown>;
  mounts: { target: string; readOnly?: boolean; [key: string]: unknown }[];
  steps: { id: string; [key: string]: unknown }[];
  command: string[];
  [key: string]: unknown;
}

function open(writable = true): { plan: Sample; base: Sample; finish: () => Sample; close: () => void } {
  const base = samplePlan();
  const opened = openDraft(base, { writable });
  return { plan: opened.draft as unknown as Sample, base: base as unknown as Sample, finish: () => opened.finish() as Sample, close: opened.close };
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const refused = (code: string): unknown => expect.objectContaining({ name: 'TenonError', code });

describe('a draft', () => {
  it('reads as the plain value does, whatever the plan', () => {
    fc.assert(
      fc.property(anyPlan, fc.boolean(), (value, writable) => {
        const { draft } = openDraft(value, { writable });
        expect(JSON.stringify(draft)).toBe(JSON.stringify(value));
        expect(Object.keys(draft ?? {})).toEqual(Object.keys(value ?? {}));
        expect(plain({ ...(draft as object) })).toEqual(plain(value));
      }),
      { numRuns: 100 },
    );
  });

  it.each([true, false])('has the methods of lists and the iteration of objects (writable: %s)', (writable) => {
    const { plan } = open(writable);
    expect(Array.isArray(plan.mounts)).toBe(true);
    expect(plan.mounts.map((mount) => mount.target)).toEqual(['/data', '/tmp']);
    expect(plan.mounts.filter((mount) => mount.target === '/tmp')).toHaveLength(1);
    expect(plan.mounts.find((mount) => mount.target === '/tmp')?.target).toBe('/tmp');
    expect(plan.mounts.indexOf(plan.mounts[1] as never)).toBe(1);
    expect(plan.command.includes('-c')).toBe(true);
    expect(plan.command.slice(1)).toEqual(['-c', 'sleep 1']);
    expect(plan.command.concat(['x'])).toEqual(['sh', '-c', 'sleep 1', 'x']);
    expect([...plan.command]).toEqual(['sh', '-c', 'sleep 1']);
    expect(plan.command.join(' ')).toBe('sh -c sleep 1');
    expect(plan.command.toSorted()).toEqual(['-c', 'sh', 'sleep 1']);
    expect('team' in plan.labels && !('none' in plan.labels)).toBe(true);
    expect(Object.hasOwn(plan.labels, 'team')).toBe(true);
    expect(Object.entries(plan.labels)[0]).toEqual(['team', 'red']);
    const seen: string[] = [];
    for (const key in plan.labels) seen.push(key);
    expect(seen).toEqual(Object.keys(samplePlan().labels ?? {}));
    expect(plan.labels).toBe(plan.labels);
  });

  it('prints as the plain value does', () => {
    const { plan, close } = open();
    plan.labels.x = 'y';
    expect(inspect(plan.mounts)).toBe(inspect(samplePlan().mounts));
    expect(inspect(plan)).toContain("x: 'y'");
    close();
    expect(inspect(plan)).toContain('settled');
  });

  it('takes edits, and shares what they do not touch', () => {
    const { plan, base, finish } = open();
    plan.labels.team = 'blue';
    delete plan.labels['openshell.managed'];
    plan.mounts.push({ target: '/new', options: { a: 1 } });
    (plan.mounts[2] as unknown as { options: { a: number } }).options.a = 2;
    const [first] = plan.mounts.splice(0, 1);
    if (first !== undefined) first.readOnly = true;
    plan.steps.sort((a, b) => (a.id < b.id ? 1 : -1));
    plan.steps[0] = { id: 'z' };
    plan.steps.unshift({ id: 'first' });
    const after = finish();
    expect(base).toEqual(samplePlan());
    expect(after.labels).toEqual({ team: 'blue', 'tenon.dev/sandbox-id': 'sbx-1' });
    expect(after.mounts).toEqual([
      { target: '/tmp', type: 'tmpfs', source: null, readOnly: false },
      { target: '/new', options: { a: 2 } },
    ]);
    expect(after.steps.map((step) => step.id)).toEqual(['first', 'z', 'b', 'a']);
    for (const key of ['env', 'command', 'resources', 'security', 'ports']) expect(after[key]).toBe(base[key]);
    expect(after.mounts[0]).toBe(base.mounts[1]);
  });

  it('never lets the plan before the hook be written, however an element was reached', () => {
    const { plan, base, finish } = open();
    plan.steps.reverse();
    for (const step of plan.steps) step.seen = true;
    plan.steps.sort((a, b) => {
      a.sorted = true;
      return a.id < b.id ? -1 : 1;
    });
    const popped = plan.steps.pop();
    if (popped !== undefined) popped.popped = true;
    plan.mounts = plan.mounts.filter((mount) => mount.target === '/data');
    for (const mount of plan.mounts) mount.readOnly = true;
    plan.labels = { ...plan.labels, more: 'x' };
    finish();
    expect(base).toEqual(samplePlan());
  });

  it('copies what is assigned: a kept reference changes nothing later', () => {
    const { plan, finish } = open();
    const kept = { target: '/kept', list: [1] };
    plan.mounts.push(kept);
    plan.labels.kept = kept;
    kept.list.push(2);
    const after = finish();
    kept.list.push(3);
    expect(after.mounts[2]).toEqual({ target: '/kept', list: [1] });
    expect(after.labels.kept).toEqual({ target: '/kept', list: [1] });
  });

  it('puts a part of the plan elsewhere as a copy of its own, itself included', () => {
    const { plan, finish } = open();
    plan.again = plan.mounts;
    plan.labels.self = plan.labels;
    plan.mounts.pop();
    const after = finish();
    expect(after.again).toHaveLength(2);
    expect(after.labels.self).toEqual(samplePlan().labels);
  });

  it.each<[string, (plan: Sample) => unknown]>([
    ['__proto__', (plan) => Reflect.get(plan, '__proto__')],
    ['__proto__ of a list', (plan) => Reflect.get(plan.mounts, '__proto__')],
    ['constructor.prototype', (plan) => (plan.labels as object).constructor.prototype],
    ['the constructor of a list', (plan) => plan.mounts.constructor],
    ['in', (plan) => 'constructor' in plan],
    ['hasOwn', (plan) => Object.hasOwn(plan, '__proto__')],
    ['a write', (plan) => Reflect.set(plan.labels, '__proto__', { polluted: 1 })],
    ['a definition', (plan) => Object.defineProperty(plan.labels, 'prototype', { value: 1 })],
    ['a deletion', (plan) => Reflect.deleteProperty(plan.labels, 'constructor')],
    ['setPrototypeOf', (plan) => Object.setPrototypeOf(plan.labels, { polluted: 1 })],
    ['assign of parsed JSON', (plan) => (plan.labels.x = JSON.parse('{"__proto__": {"polluted": 1}}'))],
    ['an accessor', (plan) => Object.defineProperty(plan.labels, 'x', { get: () => 1 })],
    ['freeze', (plan) => Object.freeze(plan.labels)],
    ['undefined', (plan) => (plan.labels.x = undefined)],
    ['NaN', (plan) => (plan.labels.x = Number.NaN)],
    ['Infinity', (plan) => plan.command.push(Number.POSITIVE_INFINITY as never)],
    ['a bigint', (plan) => (plan.labels.x = 1n)],
    ['a Date', (plan) => (plan.labels.x = new Date())],
    ['a Map', (plan) => (plan.labels.x = new Map())],
    ['a Set in a pushed element', (plan) => plan.mounts.push({ target: '/x', set: new Set() })],
    ['a function', (plan) => (plan.labels.x = () => 1)],
    ['a symbol', (plan) => (plan.labels.x = Symbol('x'))],
    ['a symbol as key', (plan) => Reflect.set(plan.labels, Symbol('x'), 1)],
    ['a class instance', (plan) => (plan.labels.x = new (class Thing {})())],
    ['NUL', (plan) => (plan.labels.x = 'a\0')],
    ['NUL in a key', (plan) => (plan.labels['a\0'] = 'x')],
    ['a lone surrogate', (plan) => (plan.labels.x = '\ud800')],
    [
      'a cycle',
      (plan) => {
        const cycle: { self?: unknown } = {};
        cycle.self = cycle;
        plan.labels.x = cycle;
      },
    ],
    ['256,000 levels', (plan) => (plan.labels.x = JSON.parse(`${'['.repeat(256_000)}${']'.repeat(256_000)}`))],
    ['a negative index', (plan) => Reflect.set(plan.mounts, '-1', {})],
    ['an exponent as index', (plan) => Reflect.set(plan.mounts, '1e3', {})],
    ['an index beyond the end', (plan) => Reflect.set(plan.mounts, '9', {})],
    ['a longer length', (plan) => (plan.mounts.length = 9)],
    ['a hole', (plan) => Reflect.deleteProperty(plan.mounts, '0')],
  ])('refuses %s', (_what, attack) => {
    const { plan, base } = open();
    expect(() => attack(plan)).toThrow(refused('patch_invalid'));
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(base).toEqual(samplePlan());
  });

  it('shows nothing of what lies behind it by symbols', () => {
    const { plan } = open();
    expect(Reflect.get(plan, Symbol.for('__MUTATIVE_PROXY_DRAFT__'))).toBeUndefined();
    expect(Symbol.for('__MUTATIVE_PROXY_DRAFT__') in plan.mounts).toBe(false);
    expect(Object.getOwnPropertySymbols(plan.labels)).toEqual([]);
    expect(String(plan.labels)).toBe('[object Object]');
  });

  it('refuses a value beyond the bytes of a plan', () => {
    expect(() => (open().plan.labels.x = 'x'.repeat(10_000_000))).toThrow(refused('patch_too_large'));
  });

  it.each<[string, (plan: Sample) => unknown]>([
    ['set', (plan) => (plan.labels.x = 'y')],
    ['delete', (plan) => delete plan.labels.team],
    ['push', (plan) => plan.mounts.push({ target: '/x' })],
    ['sort', (plan) => plan.steps.sort()],
    ['define', (plan) => Object.defineProperty(plan, 'x', { value: 1 })],
  ])('is read-only where its phase is: %s', (_what, write) => {
    const { plan, base, finish } = open(false);
    expect(() => write(plan)).toThrow(/read-only in this phase/);
    expect(() => write(plan)).toThrow(refused('point_closed'));
    expect(finish()).toBe(base);
  });

  it.each(['finish', 'close'] as const)('cannot be used after %s', (end) => {
    const opened = open();
    const { labels, mounts } = opened.plan;
    const push = mounts.push.bind(mounts);
    opened[end]();
    for (const late of [
      () => labels.team,
      () => (labels.x = 1),
      () => push({ target: '/x' }),
      () => Object.keys(opened.plan),
      () => 'x' in labels,
      () => opened.finish(),
    ]) {
      expect(late).toThrow(refused('point_closed'));
    }
    expect(opened.base).toEqual(samplePlan());
  });

  it('answers the plan itself where nothing was changed', () => {
    const { plan, base, finish } = open();
    plan.mounts.map((mount) => mount.target);
    expect(finish()).toBe(base);
  });
});
