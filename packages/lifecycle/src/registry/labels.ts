import {
  ACTIVATION_LABEL_PREFIX,
  ASKING_VALUES,
  DECLINING_VALUES,
  EXTENSION_NAME,
  RESERVED_ENV_PREFIXES,
  RESERVED_LABEL_PREFIXES,
  RESERVED_LABELS,
} from '@tenon/vocabulary';
import { TenonError } from '../errors.ts';
import type { SandboxRequest } from '../records.ts';
import { compareText } from './compare-text.ts';
import { pointerTo, quoted } from './wording.ts';

/** Which activation keys a request's labels ask for. A label only ever asks: the policy decides. */
export interface AskedKeys {
  /** Keys asked for, in code-unit order. */
  readonly asked: readonly string[];
  /** Keys that the request names and does not want. */
  readonly declined: readonly string[];
  /** Keys that belong to the external driver: forwarded, not judged. */
  readonly forwarded: readonly string[];
}

/**
 * Reads the activation labels, and refuses what no request may carry.
 * @throws TenonError `reserved_label` for any other label under a reserved prefix; `validation_failed` for a value that neither asks nor
 * declines, and for a key that no extension can have.
 */
export function askedKeys(labels: Readonly<Record<string, string>>, passThroughKeys: readonly string[] = []): AskedKeys {
  const asked: string[] = [];
  const declined: string[] = [];
  const forwarded: string[] = [];
  for (const label of Object.keys(labels).sort(compareText)) {
    const value = labels[label] ?? '';
    if (!label.startsWith(ACTIVATION_LABEL_PREFIX)) {
      refuseReservedLabel(label);
      continue;
    }
    const key = label.slice(ACTIVATION_LABEL_PREFIX.length);
    if (passThroughKeys.includes(key)) forwarded.push(key);
    else if (readAsk(label, key, value)) asked.push(key);
    else declined.push(key);
  }
  return { asked, declined, forwarded };
}

/** Refuses environment names that belong to the gateway or to Tenon (`reserved_field`), in the request and in its template. */
export function refuseReservedEnvironment(
  request: Pick<SandboxRequest, 'environment'> & { readonly template: Pick<SandboxRequest['template'], 'environment'> },
): void {
  refuseNames(request.environment, ['environment']);
  refuseNames(request.template.environment, ['template', 'environment']);
}

/** The pointer of a label in a create request. */
export function labelPointer(label: string): string {
  return pointerTo('template', 'labels', label);
}

function readAsk(label: string, key: string, value: string): boolean {
  const pointer = labelPointer(label);
  if (!EXTENSION_NAME.test(key) || key === '.' || key === '..') {
    throw new TenonError('validation_failed', `label ${quoted(label)} asks for the key ${quoted(key)}, which no extension can have`, {
      pointer,
      hint: `Write ${ACTIVATION_LABEL_PREFIX}<key> with a key of letters, digits, ".", "_" and "-".`,
    });
  }
  const word = value.trim().toLowerCase();
  if ((ASKING_VALUES as readonly string[]).includes(word)) return true;
  if ((DECLINING_VALUES as readonly string[]).includes(word)) return false;
  throw new TenonError('validation_failed', `label ${quoted(label)} has the value ${quoted(value)}, which neither asks nor declines`, {
    pointer,
    hint: `To ask, set one of ${ASKING_VALUES.join(', ')}; to decline, one of ${DECLINING_VALUES.filter(Boolean).join(', ')}, or leave the label out.`,
  });
}

function refuseReservedLabel(label: string): void {
  const prefix = RESERVED_LABEL_PREFIXES.find((reserved) => label.startsWith(reserved));
  if (!prefix && !(RESERVED_LABELS as readonly string[]).includes(label)) return;
  throw new TenonError('reserved_label', `label ${quoted(label)} is reserved${prefix ? `: everything under ${prefix} belongs to the platform` : ''}`, {
    pointer: labelPointer(label),
    hint: `Use a label of your own; to ask for an extension, ${ACTIVATION_LABEL_PREFIX}<key>.`,
  });
}

function refuseNames(environment: Readonly<Record<string, unknown>>, at: readonly string[]): void {
  for (const name of Object.keys(environment).sort(compareText)) {
    const prefix = RESERVED_ENV_PREFIXES.find((reserved) => name.startsWith(reserved));
    if (!prefix) continue;
    throw new TenonError('reserved_field', `environment name ${quoted(name)} is reserved: names under ${prefix} belong to the platform`, {
      pointer: pointerTo(...at, name),
      hint: 'Rename the variable.',
    });
  }
}
