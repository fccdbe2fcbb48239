import { ExtensionsPage } from '../../../features/extensions/index.ts';

export default function Route() {
  return <ExtensionsPage />;
}
