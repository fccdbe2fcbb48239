import { type Author, foldEdit, type Json, Owners, openDraft, type PlanSchema } from '@tenon/lifecycle';
import { FAKE_SCHEMA, type FakePlan } from '@tenon/lifecycle/testing';

export const EXTENSIONS = 10;
export const SMALL_BYTES = 10 * 1024;
export const LARGE_BYTES = 1024 * 1024;

/** A plan of about this many bytes of JSON. What grows is what grows in practice, the list of files, each of a
 * line, so that a plan is as dense in fields as labels and environment are; those stay as many as people write. */
export function planOf(bytes: number): FakePlan {
  const plan: FakePlan = {
    name: 'openshell-default--demo-0',
    image: 'registry/agent:1',
    command: ['sleep', '3600'],
    env: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`SETTING_${i}`, `value ${i}`])),
    labels: Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`label-${i}`, `value-${i}`])),
    mounts: Array.from({ length: 4 }, (_, i) => ({ target: `/data/${i}`, source: `volume-${i}`, readOnly: i > 0 })),
    networks: [],
    files: [],
    devices: [],
    steps: [{ name: 'main', run: 'command' }],
    resources: { cpuMillis: 500, memoryBytes: 134_217_728 },
    security: { capAdd: [], privileged: false },
  };
  let left = bytes - JSON.stringify(plan).length;
  for (let i = 0; left > 0; i += 1) {
    const file = { path: `/etc/agent/conf.d/${i}.conf`, contents: `limit.open_files = ${1024 + i}`, mode: '0644' };
    plan.files.push(file);
    left -= JSON.stringify(file).length + 1;
  }
  return plan;
}

/** What extension number `i` does to the plan: a label and a variable, as most do; some also add a mount, one narrows a limit. */
export function edit(plan: FakePlan, i: number): void {
  plan.labels[`owner-${i}`] = `extension-${i}`;
  plan.env[`EXTENSION_${i}`] = 'on';
  if (i % 5 === 1) plan.mounts.push({ target: `/extension/${i}`, source: `extension-${i}`, readOnly: true });
  if (i === 0) plan.resources.memoryBytes = 67_108_864;
}

const SCHEMA: PlanSchema = FAKE_SCHEMA;
const POINTS = ['docker.labels', 'docker.env', 'docker.mounts', 'docker.resources'];

/** Attribution as the engine does it: each extension edits a draft, which is folded into changes with owners. Answers the changes found. */
export function attribute(plan: FakePlan): number {
  let value = plan as unknown as Json;
  let owners = new Owners();
  let found = 0;
  for (let i = 0; i < EXTENSIONS; i += 1) {
    const opened = openDraft(value, { writable: true });
    edit(opened.draft as unknown as FakePlan, i);
    const author: Author = { extension: `extension-${i}`, revision: '1.0.0', phase: 'prepare_plan' };
    const folded = foldEdit({
      before: value,
      edit: { kind: 'value', value: opened.finish() },
      schema: SCHEMA,
      phase: 'prepare_plan',
      declared: POINTS,
      owners,
      author,
      overrides: [],
      reason: null,
    });
    value = folded.value;
    owners = folded.owners;
    found += folded.changes.length;
  }
  return found;
}
