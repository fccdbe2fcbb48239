import { type DriverCall, isObject, TenonError } from '@tenon/lifecycle';
import { type EngineApi, EngineRefusal } from './engine-api.ts';

/** Longest answer of a pull that is read; its progress is not shown. */
const PROGRESS_BYTES = 16 * 2 ** 20;

/** Fetches an image that the Engine lacks, or says what to do. */
export async function pullImage(api: EngineApi, image: string, pullMissing: boolean, call: Pick<DriverCall, 'sandbox' | 'signal'>): Promise<void> {
  const missing = (why: string, hint: string): TenonError =>
    new TenonError('driver_failed', `image ${image} is not on the Docker host${why}`, { sandboxId: call.sandbox.id, path: '/image', hint });
  if (!pullMissing) throw missing(', and pulling is off here', `load it there (docker load, docker import), or name an image that it has`);
  const { name, tag } = splitReference(image);
  let answer: string;
  try {
    const query = tag === null ? { fromImage: name } : { fromImage: name, tag };
    answer = (await api.bytes({ method: 'POST', path: ['images', 'create'], query, signal: call.signal, timeoutMs: null }, PROGRESS_BYTES)).toString('utf8');
  } catch (thrown) {
    if (!(thrown instanceof EngineRefusal)) throw thrown;
    throw missing(` and cannot be pulled: ${thrown.message}`, 'check its name, load it there (docker load, docker import), or let the host reach the registry');
  }
  // A pull that fails on its way is answered 200, the failure being the last line.
  const failure = answer
    .split('\n')
    .map(errorOf)
    .find((error) => error !== null);
  if (failure !== undefined) {
    throw missing(` and cannot be pulled: ${failure}`, 'check its name, load it there (docker load, docker import), or let the host reach the registry');
  }
}

/** A reference without tag or digest means `latest`: the Engine would take it for every tag there is. */
export function splitReference(image: string): { readonly name: string; readonly tag: string | null } {
  if (image.includes('@')) return { name: image, tag: null };
  const colon = image.lastIndexOf(':');
  if (colon > image.lastIndexOf('/')) return { name: image.slice(0, colon), tag: image.slice(colon + 1) };
  return { name: image, tag: 'latest' };
}

function errorOf(line: string): string | null {
  if (!line.includes('"error"')) return null;
  const progress: unknown = JSON.parse(line);
  return isObject(progress) && typeof progress.error === 'string' ? progress.error : null;
}
