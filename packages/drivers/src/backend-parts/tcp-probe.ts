import { connect } from 'node:net';

/** How long one address may take to answer, ms. */
const PROBE_MS = 1_000;

/** Whether somebody accepts connections there now. Rejects only when the signal fires. */
export function acceptsConnections(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect({ host, port });
    const settle = (act: () => void): void => {
      signal.removeEventListener('abort', aborted);
      socket.destroy();
      act();
    };
    const aborted = (): void => settle(() => reject(signal.reason));
    signal.addEventListener('abort', aborted, { once: true });
    socket.setTimeout(PROBE_MS, () => settle(() => resolve(false)));
    socket.once('connect', () => settle(() => resolve(true)));
    socket.once('error', () => settle(() => resolve(false)));
  });
}
