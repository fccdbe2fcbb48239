'use client';
import { Button } from '../ui/button.tsx';

/** A page that broke says so and can be tried again; the shell stays. */
export default function PageError({ error, reset }: { readonly error: Error & { readonly digest?: string }; readonly reset: () => void }) {
  return (
    <main className="mx-auto grid max-w-140 gap-3 px-4 py-16">
      <h1 className="text-xl font-semibold">This page broke</h1>
      <p className="text-ink2">It is a defect of Tenon's dashboard, not of what it shows. Nothing was changed.</p>
      <pre className="overflow-x-auto rounded-md bg-sunken p-3">{error.message}</pre>
      <div>
        <Button onClick={reset}>Try again</Button>
      </div>
    </main>
  );
}
