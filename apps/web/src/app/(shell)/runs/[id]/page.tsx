import { RunPage } from '../../../../features/runs/index.ts';

export default async function Route({ params }: { readonly params: Promise<{ readonly id: string }> }) {
  return <RunPage id={decodeURIComponent((await params).id)} />;
}
