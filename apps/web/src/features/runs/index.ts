export { RunPage } from './run-page.tsx';
export { FailuresPage, RunsPage } from './runs-page.tsx';
export { RunsTable } from './runs-table.tsx';
export { runHref } from './words.ts';
