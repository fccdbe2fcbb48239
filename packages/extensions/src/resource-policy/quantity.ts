const BINARY: Readonly<Record<string, number>> = { '': 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, k: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** CPU as a request writes it (`500m`, `2`, `0.5`) in thousandths of a core; null where it is not one. */
export function cpuMillis(text: string): number | null {
  const [, number, milli] = /^(\d+(?:\.\d+)?)(m?)$/.exec(text) ?? [];
  if (number === undefined) return null;
  return Math.round(milli ? Number(number) : Number(number) * 1000);
}

/** Memory as a request writes it (`512Mi`, `1G`, `1048576`) in bytes; null where it is not one. */
export function memoryBytes(text: string): number | null {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = unit === undefined ? undefined : BINARY[unit];
  return number === undefined || factor === undefined ? null : Math.round(Number(number) * factor);
}
