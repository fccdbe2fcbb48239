import { request } from 'node:http';
import type { Readable } from 'node:stream';

/** One call of the Engine's API over its socket. Status 0: nobody answers there, or it died while it was asked. */
export async function engineRequest(socket: string, method: 'GET' | 'POST', path: string, body?: Readable): Promise<{ status: number; body: string }> {
  return new Promise((settle, refuse) => {
    const call = request({ socketPath: socket, method, path, timeout: 60_000, headers: body ? { 'content-type': 'application/x-tar' } : {} }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => settle({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
      response.once('error', refuse);
    });
    call.once('timeout', () => call.destroy(new Error(`${method} ${path}: the Engine did not answer within 60 s`)));
    call.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET') settle({ status: 0, body: '' });
      else refuse(error);
    });
    if (body) body.pipe(call);
    else call.end();
  });
}
