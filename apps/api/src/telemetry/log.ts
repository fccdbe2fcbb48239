import { type Logger, pino } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * Keys whose values never reach a log line, wherever a logged object carries them. Secrets of sandboxes are references long
 * before anything is logged; this holds for what arrives at the door.
 */
const REDACTED = [
  'authorization',
  'cookie',
  'token',
  'secret',
  'password',
  'headers.authorization',
  'headers.cookie',
  'req.headers.authorization',
  'req.headers.cookie',
  'res.headers["set-cookie"]',
  '*.token',
  '*.secret',
  '*.password',
  '*.authorization',
  '*.cookie',
];

/** The product's logger: JSON lines on standard output. */
export function createLog(level: string): Logger {
  return pino({ level, base: { service: 'tenon' }, redact: { paths: REDACTED, censor: '[redacted]' }, timestamp: pino.stdTimeFunctions.isoTime });
}
