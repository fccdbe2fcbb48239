import { EffectsPage } from '../../../features/effects/index.ts';

export default function Route() {
  return <EffectsPage />;
}
