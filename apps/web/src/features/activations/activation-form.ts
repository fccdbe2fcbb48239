import type { ActivationView, JsonRecord } from '@tenon/contract';
import { isPhase, type Phase, ROLES, type Role } from '@tenon/vocabulary';
import type { ApiInputs } from '../../api/client.ts';

/** An activation as it is edited: lists as text. */
export interface ActivationForm {
  readonly extension: string;
  /** Empty: the latest when saved. */
  readonly revision: string;
  /** None: everywhere. */
  readonly drivers: readonly string[];
  readonly workspaces: string;
  readonly mode: ActivationView['mode'];
  readonly percentage: string;
  readonly order: string;
  readonly config: JsonRecord;
  readonly requestSettable: string;
  /** `extension /path`, one a line. */
  readonly overrides: string;
  readonly grant: 'nobody' | 'limited' | 'anybody';
  readonly grantWorkspaces: string;
  readonly grantRoles: readonly Role[];
  readonly failurePolicy: Readonly<Partial<Record<Phase, 'fail' | 'warn'>>>;
}

export type ActivationBody = Omit<ApiInputs['activations']['create'], 'reason'>;
export type ActivationChange = Omit<ApiInputs['activations']['update']['change'], 'reason'>;

export function emptyForm(extension: string): ActivationForm {
  return {
    extension,
    revision: '',
    drivers: [],
    workspaces: '',
    mode: 'enforce',
    percentage: '100',
    order: '1000',
    config: {},
    requestSettable: '',
    overrides: '',
    grant: 'nobody',
    grantWorkspaces: '',
    grantRoles: [],
    failurePolicy: {},
  };
}

export function formOf(view: ActivationView): ActivationForm {
  const { grant } = view;
  return {
    extension: view.extension,
    revision: view.revision,
    drivers: view.scope.drivers ?? [],
    workspaces: (view.scope.workspaces ?? []).join(', '),
    mode: view.mode,
    percentage: String(view.percentage),
    order: String(view.order),
    config: view.config,
    requestSettable: view.requestSettable.join(', '),
    overrides: view.overrides.map(({ extension, path }) => `${extension} ${path}`).join('\n'),
    grant: grant === null ? 'nobody' : grant.workspaces || grant.roles ? 'limited' : 'anybody',
    grantWorkspaces: (grant?.workspaces ?? []).join(', '),
    grantRoles: grant?.roles ?? [],
    failurePolicy: view.failurePolicy,
  };
}

const listOf = (text: string): string[] => text.split(/[\s,]+/).filter((part) => part !== '');

/** What a form stands for; what stops it stands under the pointer of its field. */
export function bodyOf(form: ActivationForm): { readonly body: ActivationBody; readonly errors: Readonly<Record<string, string>> } {
  const errors: Record<string, string> = {};
  const number = (text: string, pointer: string, whole: boolean): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || (whole && !Number.isInteger(value)))
      errors[pointer] = `"${text}" is no ${whole ? 'whole ' : ''}number.`;
    return value;
  };
  if (form.extension === '') errors['/extension'] = 'Choose the extension to activate.';
  const overrides = form.overrides
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .flatMap((line) => {
      const [extension, path, ...rest] = line.split(/\s+/);
      if (extension === undefined || path === undefined || rest.length > 0 || !path.startsWith('/')) {
        errors['/overrides'] = `"${line}" must be an extension and a path, e.g. base-labels /labels/team.`;
        return [];
      }
      return [{ extension, path }];
    });
  const workspaces = listOf(form.workspaces);
  const grantWorkspaces = listOf(form.grantWorkspaces);
  const body: ActivationBody = {
    extension: form.extension,
    ...(form.revision === '' ? {} : { revision: form.revision }),
    scope: { ...(form.drivers.length === 0 ? {} : { drivers: [...form.drivers] }), ...(workspaces.length === 0 ? {} : { workspaces }) },
    mode: form.mode,
    percentage: number(form.percentage, '/percentage', false),
    order: number(form.order, '/order', true),
    config: form.config,
    requestSettable: listOf(form.requestSettable),
    overrides,
    grant:
      form.grant === 'nobody'
        ? null
        : form.grant === 'anybody'
          ? {}
          : {
              ...(grantWorkspaces.length === 0 ? {} : { workspaces: grantWorkspaces }),
              ...(form.grantRoles.length === 0 ? {} : { roles: ROLES.filter((role) => form.grantRoles.includes(role)) }),
            },
    failurePolicy: Object.fromEntries(Object.entries(form.failurePolicy).filter(([phase, policy]) => isPhase(phase) && policy)),
  };
  return { body, errors };
}

/** The parts of an activation that people tell apart, in the order in which they are shown. */
export const PARTS = ['mode', 'revision', 'scope', 'percentage', 'order', 'config', 'requestSettable', 'overrides', 'grant', 'failurePolicy'] as const;
export type Part = (typeof PARTS)[number];
type Parts = Pick<ActivationView, Part>;

const same = (a: unknown, b: unknown): boolean => stable(a) === stable(b);

function stable(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? 'undefined'
  );
}

/** What an edited form changes of what was saved: what is equal is not sent, so that it cannot undo somebody else's change. */
export function changeOf(
  saved: ActivationView,
  form: ActivationForm,
): { readonly change: ActivationChange; readonly errors: Readonly<Record<string, string>> } {
  const { body, errors } = bodyOf(form);
  const next: Record<string, unknown> = { ...body, revision: body.revision ?? saved.revision };
  const change = Object.fromEntries(PARTS.flatMap((part) => (same(next[part], saved[part]) ? [] : [[part, next[part]]]))) as ActivationChange;
  return { change, errors };
}

/** One line of a lost race: what was seen, what is saved now, and what the change makes of that. */
export interface RaceRow {
  readonly part: Part;
  readonly seen: string;
  readonly saved: string;
  readonly mine: string;
  /** Somebody else changed it meanwhile. */
  readonly theirs: boolean;
  /** Both changed it, to different values: mine would undo theirs. */
  readonly collides: boolean;
}

export function raceRows(seen: Parts, saved: Parts, change: ActivationChange): RaceRow[] {
  return PARTS.flatMap((part) => {
    const mine: unknown = change[part] === undefined ? saved[part] : change[part];
    const theirs = !same(seen[part], saved[part]);
    const changed = change[part] !== undefined;
    if (!theirs && !changed && part !== 'mode' && part !== 'scope' && part !== 'percentage' && part !== 'order') return [];
    return [
      {
        part,
        seen: partText(part, seen[part]),
        saved: partText(part, saved[part]),
        mine: partText(part, mine),
        theirs,
        collides: theirs && changed && !same(mine, saved[part]),
      },
    ];
  });
}

export const partWords: Record<Part, string> = {
  mode: 'Mode',
  revision: 'Revision',
  scope: 'Scope',
  percentage: 'Share',
  order: 'Order',
  config: 'Config',
  requestSettable: 'Request may set',
  overrides: 'Overrides',
  grant: 'May be asked for by',
  failurePolicy: 'On failure',
};

function partText(part: Part, value: unknown): string {
  switch (part) {
    case 'percentage':
      return `${String(value)} %`;
    case 'scope':
      return scopeText(value as ActivationView['scope']);
    case 'grant':
      return grantText(value as ActivationView['grant']);
    case 'requestSettable':
      return (value as readonly string[]).join(', ') || 'nothing';
    case 'overrides':
      return (value as ActivationView['overrides']).map(({ extension, path }) => `${extension} at ${path}`).join(', ') || 'none';
    case 'failurePolicy':
      return (
        Object.entries(value as Record<string, string>)
          .map(([phase, policy]) => `${phase}: ${policy}`)
          .join(', ') || 'as the phases say'
      );
    case 'config':
      return JSON.stringify(value);
    default:
      return String(value);
  }
}

export function scopeText(scope: {
  readonly drivers?: readonly string[] | null | undefined;
  readonly workspaces?: readonly string[] | null | undefined;
}): string {
  const drivers = scope.drivers?.join(', ');
  const workspaces = scope.workspaces?.join(', ');
  if (!drivers && !workspaces) return 'everywhere';
  return [drivers ? `on ${drivers}` : '', workspaces ? `in ${workspaces}` : ''].filter((part) => part !== '').join(' ');
}

export function grantText(
  grant: { readonly workspaces?: readonly string[] | null | undefined; readonly roles?: readonly string[] | null | undefined } | null,
): string {
  if (grant === null) return 'nobody';
  const parts = [grant.roles ? grant.roles.join(' or ') : '', grant.workspaces ? `in ${grant.workspaces.join(', ')}` : ''].filter((part) => part !== '');
  return parts.length === 0 ? 'anybody' : parts.join(' ');
}
