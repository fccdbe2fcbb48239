/// <reference lib="dom" />
import AxeBuilder from '@axe-core/playwright';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { expect } from 'vitest';

/** Generous: the machine may be busy with everything else. Nothing waits longer than it has to. */
const PATIENCE_MS = 60_000;
/** What Chromium answers itself for all that is under way when an interface of the machine comes or goes, such as a container's. */
const NETWORK_CHANGED = 'net::ERR_NETWORK_CHANGED';

export interface VisitOptions {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: 'light' | 'dark';
}

/** One person's browser: a context of its own, one page, and everything about it that must not be. */
export class Visit {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly origin: string;
  /** Errors of the console and of scripts, answers that nobody expected, requests to other hosts. */
  readonly faults: string[] = [];
  /** Bytes of script that came over the wire since the last look, by address. */
  readonly scripts = new Map<string, number>();
  #tellDropped: () => void = () => undefined;

  private constructor(context: BrowserContext, page: Page, origin: string) {
    this.context = context;
    this.page = page;
    this.origin = origin;
  }

  static async open(browser: Browser, origin: string, { width = 1440, height = 900, theme = 'light' }: VisitOptions = {}): Promise<Visit> {
    const context = await browser.newContext({ baseURL: origin, viewport: { width, height }, colorScheme: theme, reducedMotion: 'reduce' });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const visit = new Visit(context, page, origin);
    visit.#watch();
    await visit.#weigh(await context.newCDPSession(page));
    return visit;
  }

  close(): Promise<void> {
    return this.context.close();
  }

  /** Signs in from the form that stands in the page's place, with the keyboard. */
  async signIn(token: string): Promise<void> {
    const field = this.page.getByLabel('Token', { exact: true });
    await this.focused(field);
    await this.page.keyboard.insertText(token);
    await this.page.keyboard.press('Enter');
    await this.page.getByRole('navigation', { name: 'Breadcrumb' }).waitFor();
  }

  /** One step of a journey: what goes wrong in it is told with the step and what the page shows. */
  async step(name: string, walk: () => Promise<void>): Promise<void> {
    try {
      await walk();
    } catch (error) {
      // biome-ignore lint/performance/useDomNodeTextContent: as a person sees it, and without the scripts of the page
      const shown = await this.page.locator('body').innerText();
      throw new Error(`at the step "${name}", at ${this.page.url()}, the focus at ${await this.focusAt()}; shown is:\n${shown.slice(0, 6000)}`, {
        cause: error,
      });
    }
  }

  /** A page that has all its data: nothing is loading any more. What the browser dropped on the way is asked for again. */
  async go(path: string): Promise<void> {
    for (let tries = 0; tries < 10; tries += 1) {
      const dropped = new Promise<false>((tell) => {
        this.#tellDropped = () => tell(false);
      });
      const shown = this.page.goto(path).then(() => this.settled());
      if ((await Promise.race([shown.then(() => true), dropped])) === true) return;
    }
    throw new Error(`${path} cannot be loaded: the machine's network changes each time`);
  }

  async settled(): Promise<void> {
    await this.page.locator('main').first().waitFor();
    await this.page.waitForFunction(() => document.querySelector('[aria-busy="true"],[role="status"][aria-label="Loading"]') === null);
  }

  /** Waits until the element has the focus; fails with what has it instead. */
  async focused(target: ReturnType<Page['locator']>): Promise<void> {
    await target.waitFor();
    const until = Date.now() + PATIENCE_MS;
    while (!(await target.evaluate((element) => element === document.activeElement))) {
      if (Date.now() > until) throw new Error(`${target} has no focus; it is at ${await this.focusAt()}`);
      await this.page.waitForTimeout(50);
    }
  }

  /** Where the focus is, as a person would name it. */
  focusAt(): Promise<string> {
    return this.page.evaluate(() => {
      const at = document.activeElement;
      return at === null ? 'nothing' : `${at.tagName.toLowerCase()} "${(at.getAttribute('aria-label') ?? at.textContent ?? '').trim().slice(0, 60)}"`;
    });
  }

  /** Presses Tab until the element has the focus, and sees that the focus can be seen there. */
  async tabTo(target: ReturnType<Page['locator']>, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
    await target.waitFor();
    const passed: string[] = [];
    while (!(await target.evaluate((element) => element === document.activeElement))) {
      if (passed.length > 150) throw new Error(`Tab never reaches ${target}; it came by:\n${passed.join('\n')}`);
      await this.page.keyboard.press(key);
      passed.push(await this.focusAt());
    }
    expect(await target.evaluate((element) => element.matches(':focus-visible')), `the focus can be seen at ${target}`).toBe(true);
  }

  /** Presses an arrow until the row has the focus; the focus is in the row's grid already. */
  async arrowTo(target: ReturnType<Page['locator']>, key: 'ArrowDown' | 'ArrowUp' = 'ArrowDown'): Promise<void> {
    const passed: string[] = [];
    while ((await target.count()) === 0 || !(await target.evaluate((element) => element === document.activeElement))) {
      if (passed.length > 150) throw new Error(`${key} never reaches ${target}; it came by:\n${passed.join('\n')}`);
      await this.page.keyboard.press(key);
      // The row that comes next may have to be drawn first.
      await this.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      passed.push(await this.focusAt());
    }
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** Replaces what stands in a field that Tab reaches. */
  async fill(target: ReturnType<Page['locator']>, text: string): Promise<void> {
    await this.tabTo(target);
    await this.press('Control+a');
    await this.page.keyboard.type(text);
  }

  /** Chooses in a select that Tab reaches, by typing the beginning of the choice. */
  async choose(target: ReturnType<Page['locator']>, text: string): Promise<void> {
    await this.tabTo(target);
    await this.page.keyboard.type(text);
    await this.page.waitForFunction(({ element, wanted }) => (element as HTMLSelectElement).selectedOptions[0]?.label.startsWith(wanted), {
      element: await target.elementHandle(),
      wanted: text,
    });
  }

  /** Jumps to a place by its name: Ctrl K, the name, Enter. */
  async jump(name: string): Promise<void> {
    await this.press('Control+k');
    const box = this.page.getByRole('combobox', { name: 'Search or jump to' });
    await this.focused(box);
    await this.page.keyboard.type(name);
    await this.page.getByRole('option', { selected: true }).filter({ hasText: name }).waitFor();
    await this.press('Enter');
    await box.waitFor({ state: 'detached' });
  }

  /** What axe finds against WCAG 2.2 A and AA on what is shown now. */
  async accessibilityFaults(): Promise<string[]> {
    const { violations } = await new AxeBuilder({ page: this.page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
      // What takes the focus only to hand it on at once, at the edges of what floats.
      .exclude('[data-base-ui-focus-guard]')
      .analyze();
    return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}\n  ${node.html.slice(0, 300)}\n  ${node.failureSummary ?? ''}`));
  }

  /** How many pixels the page is wider than its window. */
  overflow(): Promise<number> {
    return this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  }

  #watch(): void {
    this.page.on('console', (message) => {
      if (message.type() === 'error' && !expected(message.text())) this.faults.push(`console at ${this.page.url()}: ${message.text()}`);
    });
    this.page.on('pageerror', (error) => this.faults.push(`script at ${this.page.url()}: ${error.stack ?? error.message}`));
    this.page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${this.origin}/`) && !/^(data|blob|about):/.test(url)) this.faults.push(`request to another host: ${url}`);
    });
    this.page.on('requestfailed', (request) => {
      if (request.failure()?.errorText === NETWORK_CHANGED) this.#tellDropped();
    });
    this.page.on('response', (response) => {
      if (response.status() >= 500) this.faults.push(`${response.status()} from ${response.request().method()} ${response.url()}`);
    });
  }

  async #weigh(wire: CDPSession): Promise<void> {
    const kinds = new Map<string, string>();
    wire.on('Network.responseReceived', ({ requestId, type, response }) => {
      if (type === 'Script') kinds.set(requestId, response.url);
    });
    wire.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      const url = kinds.get(requestId);
      if (url !== undefined) this.scripts.set(url, encodedDataLength);
    });
    await wire.send('Network.enable');
  }
}

/**
 * The browser writes every refused answer to its console: that somebody is not signed in yet, or lost a race, is no error of the page.
 * Nor is it one that a container's network came or went on this machine.
 */
function expected(text: string): boolean {
  return (
    /^Failed to load resource: the server responded with a status of (401|403|404|409|412|422|502)\b/.test(text) ||
    text === `Failed to load resource: ${NETWORK_CHANGED}`
  );
}
