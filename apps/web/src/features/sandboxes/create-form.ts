import type { JsonRecord } from '@tenon/contract';
import { ACTIVATION_LABEL_PREFIX } from '@tenon/vocabulary';
import type { ApiInputs } from '../../api/client.ts';
import { splitCommand } from '../../ui/command-line.ts';
import type { Pair } from '../../ui/pairs-field.tsx';

/** A create form as it is typed. */
export interface CreateForm {
  readonly name: string;
  readonly workspace: string;
  readonly driver: string;
  readonly image: string;
  readonly command: string;
  /** Activation keys that the request asks for. */
  readonly asked: readonly string[];
  /** Config that the request gives per extension. */
  readonly extensionConfig: Readonly<Record<string, JsonRecord>>;
  readonly labels: readonly Pair[];
  readonly environment: readonly Pair[];
  readonly cpuRequest: string;
  readonly cpuLimit: string;
  readonly memoryRequest: string;
  readonly memoryLimit: string;
  readonly gpus: string;
  readonly tty: boolean;
  readonly driverConfig: JsonRecord;
  readonly platformConfig: JsonRecord;
  readonly claims: { readonly tenant: string; readonly user: string; readonly policy: string };
}

export const EMPTY_FORM: CreateForm = {
  name: '',
  workspace: 'default',
  driver: '',
  image: '',
  command: '',
  asked: [],
  extensionConfig: {},
  labels: [],
  environment: [],
  cpuRequest: '',
  cpuLimit: '',
  memoryRequest: '',
  memoryLimit: '',
  gpus: '',
  tty: false,
  driverConfig: {},
  platformConfig: {},
  claims: { tenant: '', user: '', policy: '' },
};

export type CreateBody = ApiInputs['sandboxes']['create'];

/** The request that a form stands for; or what stops it, by the pointer of its field. What is not given is left out. */
export function createBody(form: CreateForm): { readonly body: CreateBody; readonly errors: Readonly<Record<string, string>> } {
  const command = splitCommand(form.command);
  const gpus = form.gpus.trim() === '' ? null : Number(form.gpus);
  const errors: Record<string, string> = {
    ...(form.name.trim() === '' ? { '/name': 'A sandbox needs a name.' } : {}),
    ...(form.driver === '' ? { '/driver': 'Choose the driver that runs it.' } : {}),
    ...(command.error === null ? {} : { '/command': command.error }),
    ...(gpus !== null && !(Number.isInteger(gpus) && gpus > 0) ? { '/gpu': 'This must be a whole number of GPUs.' } : {}),
    ...doubled(form.environment, '/environment'),
    ...doubled(form.labels, '/template/labels'),
  };
  const resources = given({ cpuRequest: form.cpuRequest, cpuLimit: form.cpuLimit, memoryRequest: form.memoryRequest, memoryLimit: form.memoryLimit });
  const labels = {
    ...Object.fromEntries(named(form.labels).map(({ name, value }) => [name, value])),
    ...Object.fromEntries(form.asked.map((key) => [`${ACTIVATION_LABEL_PREFIX}${key}`, 'enabled'])),
  };
  const claims = given(form.claims);
  const extensionConfig = Object.fromEntries(Object.entries(form.extensionConfig).filter(([, config]) => Object.keys(config).length > 0));
  const body: CreateBody = {
    name: form.name.trim(),
    ...(form.workspace.trim() === '' ? {} : { workspace: form.workspace.trim() }),
    driver: form.driver,
    template: {
      ...(form.image.trim() === '' ? {} : { image: form.image.trim() }),
      labels,
      resources,
      ...(Object.keys(form.driverConfig).length === 0 ? {} : { driverConfig: { [form.driver]: form.driverConfig } }),
      ...(Object.keys(form.platformConfig).length === 0 ? {} : { platformConfig: form.platformConfig }),
    },
    command: [...command.words],
    environment: Object.fromEntries(named(form.environment).map(({ name, value, secret }) => [name, secret ? { secret: value } : value])),
    ...(gpus === null || errors['/gpu'] ? {} : { gpu: { count: gpus } }),
    ...(form.tty ? { tty: true } : {}),
    ...(Object.keys(claims).length === 0 ? {} : { claims }),
    ...(Object.keys(extensionConfig).length === 0 ? {} : { extensionConfig }),
  };
  return { body, errors };
}

const named = (pairs: readonly Pair[]) => pairs.map((pair) => ({ ...pair, name: pair.name.trim() })).filter((pair) => pair.name !== '');

function given<T extends Record<string, string>>(fields: T): Partial<Record<keyof T, string>> {
  return Object.fromEntries(Object.entries(fields).flatMap(([key, value]) => (value.trim() === '' ? [] : [[key, value.trim()]]))) as Partial<
    Record<keyof T, string>
  >;
}

/** A name that stands twice would silently lose one of its values. */
function doubled(pairs: readonly Pair[], at: string): Readonly<Record<string, string>> {
  const seen = new Set<string>();
  const errors: Record<string, string> = {};
  for (const { name } of named(pairs)) {
    if (seen.has(name)) errors[`${at}/${name}`] = `${name} stands twice.`;
    seen.add(name);
  }
  return errors;
}
