import { type JsonObject, type SandboxRequest, TenonError } from '@tenon/lifecycle';
import type { z } from 'zod';
import { escapeSegment } from './identity.ts';

/** Refuses a field that this driver cannot honour, by its name and with a pointer into the request. */
export function refuse(pointer: string, message: string, hint: string): never {
  throw new TenonError('validation_failed', message, { pointer, hint });
}

/** Fields of the request that stand for abilities a driver may lack; each given one is refused. */
export function refuseUnsupported(
  request: SandboxRequest,
  driver: string,
  lacks: Partial<Record<'cpuRequest' | 'memoryRequest' | 'cpuLimit' | 'memoryLimit' | 'gpu' | 'tty', string>>,
): void {
  for (const field of ['cpuRequest', 'memoryRequest', 'cpuLimit', 'memoryLimit'] as const) {
    const why = lacks[field];
    if (why !== undefined && request.template.resources[field] !== undefined) {
      refuse(`/template/resources/${field}`, `${field}: driver ${driver} ${why}`, `leave ${field} out`);
    }
  }
  if (lacks.gpu !== undefined && request.gpu !== null) refuse('/gpu', `gpu: driver ${driver} ${lacks.gpu}`, 'leave gpu out');
  if (lacks.tty !== undefined && request.tty) refuse('/tty', `tty: driver ${driver} ${lacks.tty}`, 'leave tty out, or set it to false');
  for (const key of Object.keys(request.template.platformConfig)) {
    throw new TenonError('unknown_field', `platformConfig.${key}: driver ${driver} takes no platform config`, {
      pointer: `/template/platformConfig/${escapeSegment(key)}`,
      hint: `remove ${key}`,
    });
  }
}

/** Reads this driver's own config block; an unknown field is `unknown_field`, a bad value `validation_failed`, each with its pointer. */
export function readConfig<T>(schema: z.ZodType<T>, driver: string, config: JsonObject | undefined): T {
  const parsed = schema.safeParse(config ?? {});
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const base = `/template/driverConfig/${escapeSegment(driver)}`;
  const path = (issue?.path ?? []).map(String);
  const pointer = [base, ...path.map(escapeSegment)].join('/');
  if (issue?.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    throw new TenonError('unknown_field', `driverConfig.${[driver, ...path, key].join('.')}: driver ${driver} does not know this field`, {
      pointer: `${pointer}/${escapeSegment(key)}`,
      hint: `remove ${key}`,
    });
  }
  throw new TenonError('validation_failed', `driverConfig.${[driver, ...path].join('.')}: ${issue?.message ?? 'not accepted'}`, { pointer });
}
