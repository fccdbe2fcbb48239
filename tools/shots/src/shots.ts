/// <reference lib="dom" />
import { copyFileSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { type Screen, screensOf } from './screens.ts';

/**
 * `npm run shots`: photographs the screens of a running instance that `npm run demo` has filled and still serves, in both themes, at 1440 and
 * 390 px, into `shots/`. With `--docs` the pictures of the documentation are taken anew, too.
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string', default: process.env.TENON_URL ?? 'http://127.0.0.1:7333' },
    token: { type: 'string', default: process.env.TENON_TOKEN ?? '' },
    out: { type: 'string', default: 'shots' },
    docs: { type: 'boolean', default: false },
  },
});

const root = fileURLToPath(new URL('../../..', import.meta.url));
const THEMES = ['light', 'dark'] as const;
const WINDOWS = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
] as const;
const DOCS = ['run-light', 'run-dark', 'plan-light', 'overview-light'];
const PATIENCE_MS = 60_000;

async function main(): Promise<void> {
  if (values.token === '') throw new Error('give a token: TENON_TOKEN=… npm run shots, or --token (the first start of Tenon prints one)');
  const out = resolve(values.out);
  mkdirSync(out, { recursive: true });
  const browser = await launch();
  try {
    for (const theme of THEMES) {
      for (const viewport of WINDOWS) {
        const context = await browser.newContext({ baseURL: values.url, viewport, colorScheme: theme, reducedMotion: 'reduce' });
        context.setDefaultTimeout(PATIENCE_MS);
        await signIn(context);
        for (const screen of await screensOf(context)) {
          const path = join(out, `${screen.name}-${viewport.width}-${theme}.png`);
          await photograph(context, screen, path);
          console.log(path);
        }
        await context.close();
      }
    }
  } finally {
    await browser.close();
  }
  if (!values.docs) return;
  const images = join(root, 'docs', 'images');
  mkdirSync(images, { recursive: true });
  for (const name of DOCS) copyFileSync(join(out, `${name.replace('-', '-1440-')}.png`), join(images, `${name}.png`));
  console.log(`${DOCS.length} pictures in ${images}`);
}

function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.TENON_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    timeout: PATIENCE_MS,
  });
}

/** The session's cookie goes to every page of the context. */
async function signIn(context: BrowserContext): Promise<void> {
  const answer = await context.request.post('/api/v1/session', { data: { token: values.token }, headers: { origin: new URL(values.url).origin } });
  if (!answer.ok()) throw new Error(`signing in at ${values.url} was refused: ${answer.status()} ${await answer.text()}`);
}

async function photograph(context: BrowserContext, { path, shows }: Screen, file: string): Promise<void> {
  const page = await context.newPage();
  await page.goto(path);
  await page.waitForFunction(
    (text) =>
      document.querySelector('[aria-busy="true"],[role="status"][aria-label="Loading"]') === null &&
      document.querySelector('main')?.textContent.toLowerCase().includes(text.toLowerCase()),
    shows,
  );
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: file, caret: 'hide', animations: 'disabled' });
  await page.close();
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
