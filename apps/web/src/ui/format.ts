/** Figures as a person reads them: units always. */

/** 22 ms, 1.21 s, 13.12 s, 2 min 14 s, 2 h 14 min, 3 d 4 h. */
export function formatDuration(ms: number): string {
  const value = Math.max(0, ms);
  if (value < 1000) return `${Math.round(value)} ms`;
  if (value < 59_995) return `${(value / 1000).toFixed(2)} s`;
  const seconds = Math.round(value / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** Age or waiting time, coarse: 40 s, 21 min, 2 h 14 min. */
export function formatAge(ms: number): string {
  const value = Math.max(0, ms);
  return value < 60_000 ? `${Math.floor(value / 1000)} s` : formatDuration(Math.floor(value / 60_000) * 60_000);
}

/** 134217728 is 128 MiB. Exact where it divides evenly, else one decimal. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}

/** "1 run", "3 runs": counts agree with their noun. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

const pad = (value: number, width = 2) => String(value).padStart(width, '0');

/** Local wall time; with the day before it when it is not today. */
export function formatTime(iso: string, now: Date, precise = false): string {
  const at = new Date(iso);
  const clock = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}${precise ? `.${pad(at.getMilliseconds(), 3)}` : ''}`;
  if (at.toDateString() === now.toDateString()) return clock;
  const day = at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', ...(at.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' }) });
  return `${day} ${clock}`;
}

export function formatUtc(iso: string): string {
  return `${iso.replace('T', ' ').replace('Z', '')} UTC`;
}
