import { ActivationBody, ActivationPatch, type ActivationView } from '@tenon/contract';
import { describe, expect, it } from 'vitest';
import { bodyOf, changeOf, emptyForm, formOf, raceRows } from './activation-form.ts';

const saved: ActivationView = {
  id: 'a1',
  extension: 'tenant-network',
  revision: '1.2.0',
  scope: { drivers: ['docker'], workspaces: ['team-a', 'research'] },
  mode: 'shadow',
  percentage: 100,
  order: 100,
  config: { subnet: '10.30.0.0/24', nested: { a: 1, b: 2 } },
  requestSettable: ['subnet'],
  overrides: [{ extension: 'base-labels', path: '/labels/team' }],
  grant: { workspaces: ['team-a'], roles: ['operator'] },
  failurePolicy: { after_ready: 'fail' },
  reason: 'first',
  version: 7,
  createdAt: '2026-11-24T10:00:00.000Z',
  updatedAt: '2026-11-24T10:00:00.000Z',
  actor: 'lena',
};

describe('bodyOf', () => {
  it('makes a body of the contract from an untouched form', () => {
    const { body, errors } = bodyOf(emptyForm('tenant-network'));
    expect(errors).toEqual({});
    expect(ActivationBody.parse({ ...body, reason: 'x' })).toMatchObject({ extension: 'tenant-network', scope: {}, percentage: 100, order: 1000, grant: null });
  });
  it('says at its field what is no value', () => {
    const { errors } = bodyOf({ ...emptyForm(''), percentage: 'half', order: '1.5', overrides: 'base-labels labels/team' });
    expect(Object.keys(errors).sort()).toEqual(['/extension', '/order', '/overrides', '/percentage']);
  });
  it('tells nobody, anybody and some apart', () => {
    expect(bodyOf({ ...emptyForm('x'), grant: 'nobody' }).body.grant).toBeNull();
    expect(bodyOf({ ...emptyForm('x'), grant: 'anybody', grantRoles: ['viewer'] }).body.grant).toEqual({});
    expect(bodyOf({ ...emptyForm('x'), grant: 'limited', grantWorkspaces: 'a, b', grantRoles: ['operator', 'viewer'] }).body.grant).toEqual({
      workspaces: ['a', 'b'],
      roles: ['viewer', 'operator'],
    });
  });
});

describe('changeOf', () => {
  it('changes nothing where nothing was edited, whatever the order of keys', () => {
    expect(changeOf(saved, formOf(saved)).change).toEqual({});
    expect(changeOf(saved, { ...formOf(saved), config: { nested: { b: 2, a: 1 }, subnet: '10.30.0.0/24' } }).change).toEqual({});
  });
  it('sends only what was edited', () => {
    const { change } = changeOf(saved, { ...formOf(saved), mode: 'enforce', workspaces: 'research', grant: 'nobody' });
    expect(change).toEqual({ mode: 'enforce', scope: { drivers: ['docker'], workspaces: ['research'] }, grant: null });
    expect(ActivationPatch.safeParse({ ...change, reason: 'x' }).success).toBe(true);
  });
});

describe('raceRows', () => {
  it('shows both versions and what my change makes of the saved one', () => {
    const now = { ...saved, scope: { drivers: ['docker'], workspaces: ['research'] }, percentage: 25 };
    const rows = raceRows(saved, now, { mode: 'enforce' });
    expect(rows.map((row) => [row.part, row.theirs, row.collides])).toEqual([
      ['mode', false, false],
      ['scope', true, false],
      ['percentage', true, false],
      ['order', false, false],
    ]);
    expect(rows[0]).toMatchObject({ seen: 'shadow', saved: 'shadow', mine: 'enforce' });
    expect(rows[1]).toMatchObject({ seen: 'on docker in team-a, research', saved: 'on docker in research', mine: 'on docker in research' });
  });
  it('says where my change would undo theirs', () => {
    expect(raceRows(saved, { ...saved, percentage: 25 }, { percentage: 50 }).find((row) => row.part === 'percentage')).toMatchObject({
      saved: '25 %',
      mine: '50 %',
      collides: true,
    });
    expect(raceRows(saved, { ...saved, percentage: 50 }, { percentage: 50 }).find((row) => row.part === 'percentage')).toMatchObject({ collides: false });
  });
});
