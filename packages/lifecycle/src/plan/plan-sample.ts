import type { Json } from '../json.ts';
import type { PlanSchema } from './plan.ts';

/** A small plan with every kind of part, and its schema: what the tests of this folder work on. */
export const SAMPLE_SCHEMA: PlanSchema = {
  kind: 'docker',
  lists: [
    { path: '/mounts', key: ['target'], ordered: false },
    { path: '/networks', key: ['name'], ordered: false },
    { path: '/steps', key: ['id'], ordered: true },
    { path: '/ports', key: ['number', 'protocol'], ordered: false },
    { path: '/security/capAdd', key: 'set', ordered: false },
  ],
  points: [
    { name: 'docker.labels', path: '/labels', merge: 'map', key: null, ordered: false, openIn: ['prepare_plan'] },
    { name: 'docker.env', path: '/env', merge: 'map', key: null, ordered: false, openIn: ['prepare_plan', 'before_start'] },
    { name: 'docker.mounts', path: '/mounts', merge: 'keyed_list', key: ['target'], ordered: false, openIn: ['prepare_plan'] },
    { name: 'docker.networks', path: '/networks', merge: 'keyed_list', key: ['name'], ordered: false, openIn: ['prepare_plan', 'before_create'] },
    { name: 'docker.steps', path: '/steps', merge: 'keyed_list', key: ['id'], ordered: true, openIn: ['prepare_plan'] },
    { name: 'docker.ports', path: '/ports', merge: 'keyed_list', key: ['number', 'protocol'], ordered: false, openIn: ['prepare_plan'] },
    { name: 'docker.resources', path: '/resources', merge: 'singleton', key: null, ordered: false, openIn: ['prepare_plan'] },
    { name: 'docker.security', path: '/security', merge: 'singleton', key: null, ordered: false, openIn: ['prepare_plan'] },
  ],
  reserved: ['/name', '/labels/tenon.dev~1*', '/labels/openshell.managed', '/env/TENON_*', '/env/OPENSHELL_*', '/security/privileged', '/mounts/*/auth'],
  secrets: ['/env/*'],
  neutral: { labels: 'docker.labels', env: 'docker.env', resources: 'docker.resources' },
};

export const SAMPLE_POINTS = SAMPLE_SCHEMA.points.map((point) => point.name);

export function samplePlan(): { [key: string]: Json } {
  return {
    name: 'box',
    image: 'alpine:3',
    command: ['sh', '-c', 'sleep 1'],
    labels: { team: 'red', 'tenon.dev/sandbox-id': 'sbx-1', 'openshell.managed': 'true' },
    env: { PATH: '/bin', TENON_SANDBOX: 'sbx-1', API_KEY: { $secret: 'sec-1' } },
    mounts: [
      { target: '/data', type: 'volume', source: 'data', readOnly: false, auth: { user: 'u' } },
      { target: '/tmp', type: 'tmpfs', source: null, readOnly: false },
    ],
    networks: [],
    steps: [{ id: 'a' }, { id: 'b', run: 'x' }, { id: 'c' }],
    ports: [{ number: 80, protocol: 'tcp' }],
    resources: { cpuMillis: 500, memoryBytes: 1024 },
    security: { capAdd: ['CHOWN'], capDrop: ['ALL'], privileged: false, noNewPrivileges: true },
  };
}
