import { TenonError } from '@tenon/lifecycle';

const MEMORY_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A CPU quantity (`2`, `0.5`, `500m`) in thousandths of a core; at least 1. */
export function cpuMillis(text: string, pointer: string): number {
  const found = /^(\d{1,9}(?:\.\d{1,3})?)(m?)$/.exec(text);
  const millis = found === null ? Number.NaN : Math.round(Number(found[1]) * (found[2] === 'm' ? 1 : 1000));
  if (!(millis >= 1)) {
    throw new TenonError('validation_failed', `"${text}" is not a CPU quantity: a number of cores above 0 (2, 0.5) or thousandths of one (500m)`, {
      pointer,
      hint: 'write for example 500m',
    });
  }
  return millis;
}

/** A memory quantity (`128Mi`, `1G`, `1048576`) in bytes; at least 1. */
export function memoryBytes(text: string, pointer: string): number {
  const found = /^(\d{1,15}(?:\.\d{1,3})?)([A-Za-z]{0,2})$/.exec(text);
  const unit = found === null ? undefined : MEMORY_UNITS[found[2] ?? ''];
  const bytes = found === null || unit === undefined ? Number.NaN : Math.floor(Number(found[1]) * unit);
  if (!(bytes >= 1) || !Number.isSafeInteger(bytes)) {
    throw new TenonError('validation_failed', `"${text}" is not a memory quantity: bytes, or a number with Ki, Mi, Gi, Ti, k, M, G or T`, {
      pointer,
      hint: 'write for example 128Mi',
    });
  }
  return bytes;
}
