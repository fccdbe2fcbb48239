import { OverviewPage } from '../../features/overview/index.ts';

export default function Route() {
  return <OverviewPage />;
}
