import { TenonError } from '@tenon/lifecycle';
import type { FastifyInstance } from 'fastify';
import { assertStorable } from './storable.ts';

/** Largest body that any door takes, bytes. */
export const BODY_LIMIT = 1_048_576;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Bodies are JSON in UTF-8 and nothing else; what no store could hold is refused before anybody looks at it. */
export function takeJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, async (_request: unknown, raw: Buffer) => {
    // A POST that says JSON and sends nothing: routes that take a body refuse it, the others need none.
    if (raw.length === 0) return undefined;
    const body = parseJson(raw);
    assertStorable(body);
    return body;
  });
}

function parseJson(raw: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(raw));
  } catch (error) {
    throw new TenonError('malformed_body', `the body is not JSON in UTF-8: ${error instanceof Error ? error.message : 'it cannot be decoded'}`, {
      hint: 'Send one JSON document, encoded as UTF-8.',
    });
  }
}
