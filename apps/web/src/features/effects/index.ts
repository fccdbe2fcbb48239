export { EffectsPage } from './effects-page.tsx';
export { EffectsTable } from './effects-table.tsx';
