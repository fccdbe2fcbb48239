export { ActivationsPage } from './activations-page.tsx';
export { ActivationsTable } from './activations-table.tsx';
