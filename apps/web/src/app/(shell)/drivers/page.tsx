import { DriversPage } from '../../../features/drivers/index.ts';

export default function Route() {
  return <DriversPage />;
}
