import { accessSync, constants } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const program = process.env.TENON_CHROMIUM ?? '/usr/bin/chromium';

/** Null where the browser that TENON_CHROMIUM names (else Debian's) can be started. */
export function chromiumAbsence(): string | null {
  try {
    accessSync(program, constants.X_OK);
    return null;
  } catch (error) {
    return `${program} cannot be run: ${error instanceof Error ? error.message : String(error)}`;
  }
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: program,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    timeout: 120_000,
  });
}
