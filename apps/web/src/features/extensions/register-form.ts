import type { JsonRecord } from '@tenon/contract';
import { CONTRACT_VERSION } from '@tenon/vocabulary';
import type { ApiInputs } from '../../api/client.ts';

export interface RegisterForm {
  readonly manifest: string;
  readonly kind: 'http' | 'grpc';
  readonly target: string;
  readonly secret: string;
  readonly signedAnswers: boolean;
}

/** A manifest to begin with: it says what every line is for by being one. */
export const EXAMPLE_MANIFEST = JSON.stringify(
  {
    contract: CONTRACT_VERSION,
    name: 'my-extension',
    revision: '1.0.0',
    description: 'One line about what it does.',
    activation: { mode: 'global' },
    hooks: [{ phase: 'prepare_plan', required: false, points: ['*.labels'] }],
    configSchema: { type: 'object', properties: {}, additionalProperties: false },
    dryRunSafe: true,
  },
  null,
  2,
);

export type RegisterBody = ApiInputs['extensions']['register'];

/** What a form stands for; what stops it, by the pointer of its field. The manifest is judged by the API. */
export function registerBody(form: RegisterForm): { readonly body: RegisterBody | null; readonly errors: Readonly<Record<string, string>> } {
  const errors: Record<string, string> = {};
  let manifest: JsonRecord = {};
  try {
    const parsed: unknown = JSON.parse(form.manifest);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) manifest = parsed as JsonRecord;
    else errors['/manifest'] = 'The manifest must be a JSON object.';
  } catch (failure) {
    errors['/manifest'] = `This is no JSON: ${failure instanceof Error ? failure.message : String(failure)}`;
  }
  const target = form.target.trim();
  if (target === '') errors['/transport/url'] = 'Where it is reached is missing.';
  const common = { ...(form.secret === '' ? {} : { secret: form.secret }), ...(form.signedAnswers ? { signedAnswers: true } : {}) };
  // What stands in it is the API's to judge: it says what to change, at its place.
  const judged = manifest as unknown as RegisterBody['manifest'];
  const body: RegisterBody = {
    manifest: judged,
    transport: form.kind === 'http' ? { kind: 'http', url: target, ...common } : { kind: 'grpc', target, ...common },
  };
  return { body: Object.keys(errors).length === 0 ? body : null, errors };
}
