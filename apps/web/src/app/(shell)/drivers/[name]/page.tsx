import { DriverPage } from '../../../../features/drivers/index.ts';

export default async function Route({ params }: { readonly params: Promise<{ readonly name: string }> }) {
  return <DriverPage name={decodeURIComponent((await params).name)} />;
}
