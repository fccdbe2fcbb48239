import { RunsPage } from '../../../features/runs/index.ts';

export default function Route() {
  return <RunsPage />;
}
