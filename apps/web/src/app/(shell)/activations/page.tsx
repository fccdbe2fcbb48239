import { ActivationsPage } from '../../../features/activations/index.ts';

export default function Route() {
  return <ActivationsPage />;
}
