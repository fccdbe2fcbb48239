import Link from 'next/link';

export default function NotFound() {
  return (
    <main className="mx-auto grid max-w-140 gap-2 px-4 py-16">
      <title>Not found · Tenon</title>
      <h1 className="text-xl font-semibold">There is no such page</h1>
      <p className="text-ink2">
        The address leads nowhere.{' '}
        <Link href="/" className="text-accent underline">
          Go to the overview
        </Link>
        .
      </p>
    </main>
  );
}
