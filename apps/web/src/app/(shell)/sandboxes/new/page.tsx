import { CreateSandboxPage } from '../../../../features/sandboxes/index.ts';

export default function Route() {
  return <CreateSandboxPage />;
}
