import { SandboxesPage } from '../../../features/sandboxes/index.ts';

export default function Route() {
  return <SandboxesPage />;
}
