import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ActivationBody, ActivationPreviewBody, ExtensionBody, SandboxCreateBody, TokenBody } from '@tenon/contract';
import { describe, expect, it } from 'vitest';

/** What the documents tell people to send must be what the contract takes, and where they point must be something. */
const root = fileURLToPath(new URL('..', import.meta.url));
const documents = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);

const BODIES: Readonly<Record<string, { safeParse(body: unknown): unknown }>> = {
  activations: ActivationBody,
  'activations/preview': ActivationPreviewBody,
  extensions: ExtensionBody,
  sandboxes: SandboxCreateBody,
  tokens: TokenBody,
};

/** Every `…/api/v1/<path>… -d '<json>'` of a document (a shell variable in it stands for its own name), and the `BODY='<json>'` that the README's sandboxes use. */
function bodiesOf(document: string): { path: string; body: string }[] {
  const text = document.replaceAll(/'\$(\w+)'/g, '$1');
  const sent = [...text.matchAll(/api\/v1\/([a-z/-]+)(?:[^\n\\]|\\\n)*?-d '([^']+)'/g)].map(([, path = '', body = '']) => ({ path, body }));
  const named = [...text.matchAll(/BODY='([^']+)'/g)].map(([, body = '']) => ({ path: 'sandboxes', body }));
  return [...sent, ...named];
}

describe.each(documents)('%s', (document) => {
  const text = readFileSync(join(root, document), 'utf8');

  it('points at files that are there', () => {
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
    expect(links.filter((target) => !existsSync(join(root, dirname(document), target)))).toEqual([]);
  });

  it('names files that are there', () => {
    const named = [...text.matchAll(/`((?:packages|apps|bench|docs|e2e|examples|prisma|tools)\/[^`\s]*)`/g)].map(([, path = '']) => path);
    expect(named.filter((path) => !path.includes('<') && !existsSync(join(root, path)))).toEqual([]);
  });

  const bodies = bodiesOf(text);
  it.each(bodies)('sends what the contract takes: $path', ({ path, body }) => {
    const schema = BODIES[path];
    if (schema === undefined) throw new Error(`${path}: no schema is known here for what ${document} sends; add it to BODIES`);
    expect(schema.safeParse(JSON.parse(body))).toMatchObject({ success: true });
  });
});
