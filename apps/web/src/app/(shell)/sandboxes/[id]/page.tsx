import { SandboxPage } from '../../../../features/sandboxes/index.ts';

export default async function Route({ params }: { readonly params: Promise<{ readonly id: string }> }) {
  return <SandboxPage id={decodeURIComponent((await params).id)} />;
}
