import type { Browser } from 'playwright-core';
import { backendAnswers, dockerAbsence } from '../backends.ts';
import type { ExtensionServer } from '../harness/extension-server.ts';
import { Product } from '../harness/product.ts';
import { buildDashboard } from './built-dashboard.ts';
import { chromiumAbsence, launchChromium } from './chromium.ts';
import { serveSeatPool } from './seat-pool.ts';
import { Visit, type VisitOptions } from './visit.ts';

/** Long enough to build the dashboard on a busy machine. */
export const OPENING_MS = 600_000;
/** For one journey of many steps on a busy machine. */
export const JOURNEY_MS = 600_000;

export const browserAnswers = backendAnswers('chromium', chromiumAbsence());

/** Docker where it is, else plain processes: the journeys of the dashboard run anywhere. */
export async function stageDriver(): Promise<'docker' | 'process'> {
  return browserAnswers && backendAnswers('docker', await dockerAbsence()) ? 'docker' : 'process';
}

/** A product with its dashboard and an empty database, a browser, and the extension that fails; everybody who visits is seen off at the end. */
export class Stage {
  readonly product: Product;
  readonly seatPool: ExtensionServer;
  readonly driver: 'docker' | 'process';
  readonly #browser: Browser;
  readonly #visits: Visit[] = [];

  private constructor(product: Product, seatPool: ExtensionServer, driver: 'docker' | 'process', browser: Browser) {
    this.product = product;
    this.seatPool = seatPool;
    this.driver = driver;
    this.#browser = browser;
  }

  static async open(driver: 'docker' | 'process'): Promise<Stage> {
    buildDashboard();
    const product = await Product.start({ drivers: driver, env: { TENON_WEB: 'on' } });
    return new Stage(product, await serveSeatPool(), driver, await launchChromium());
  }

  get origin(): string {
    return this.product.api.origin;
  }

  async visit(options?: VisitOptions): Promise<Visit> {
    const visit = await Visit.open(this.#browser, this.origin, options);
    this.#visits.push(visit);
    return visit;
  }

  /** What no visitor may ever see: faults of every page that was opened. */
  get faults(): string[] {
    return this.#visits.flatMap(({ faults }) => faults);
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.seatPool.close();
    await this.product.remove();
  }
}
