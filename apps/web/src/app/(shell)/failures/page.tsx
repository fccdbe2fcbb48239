import { FailuresPage } from '../../../features/runs/index.ts';

export default function Route() {
  return <FailuresPage />;
}
