import { ExtensionPage } from '../../../../features/extensions/index.ts';

export default async function Route({ params }: { readonly params: Promise<{ readonly name: string }> }) {
  return <ExtensionPage name={decodeURIComponent((await params).name)} />;
}
