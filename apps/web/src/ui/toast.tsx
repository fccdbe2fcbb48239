'use client';
import { Check, OctagonX, X } from 'lucide-react';
import { type ReactNode, useEffect, useSyncExternalStore } from 'react';
import { IconButton } from './button.tsx';

interface Toast {
  readonly id: number;
  readonly kind: 'done' | 'failed';
  readonly title: string;
  readonly description: string | undefined;
}

// What has been done, said once. Failures that need an answer are shown where they happened, never only here.
let toasts: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();
const NONE: readonly Toast[] = [];

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const each of listeners) each();
}

function say(kind: Toast['kind'], title: string, description: string | undefined): void {
  last += 1;
  set([...toasts, { id: last, kind, title, description }].slice(-3));
}

export function sayDone(title: string, description?: string): void {
  say('done', title, description);
}

export function sayFailed(title: string, description?: string): void {
  say('failed', title, description);
}

const dismiss = (id: number) => set(toasts.filter((each) => each.id !== id));

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts({ children }: { readonly children: ReactNode }) {
  const shown = useSyncExternalStore(
    subscribe,
    () => toasts,
    () => NONE,
  );
  return (
    <>
      {children}
      <section aria-label="Messages" aria-live="polite" className="fixed right-4 bottom-4 z-50 grid w-[min(22rem,calc(100vw-2rem))] gap-2">
        {shown.map((toast) => (
          <One key={toast.id} toast={toast} />
        ))}
      </section>
    </>
  );
}

function One({ toast: { id, kind, title, description } }: { readonly toast: Toast }) {
  useEffect(() => {
    const timer = setTimeout(() => dismiss(id), kind === 'failed' ? 12_000 : 5000);
    return () => clearTimeout(timer);
  }, [id, kind]);
  return (
    <div className="flex items-start gap-2 rounded-lg border border-rule bg-raised px-3 py-2 shadow-pop">
      {kind === 'failed' ? (
        <OctagonX aria-hidden size={16} strokeWidth={1.5} className="mt-0.5 shrink-0 text-bad" />
      ) : (
        <Check aria-hidden size={16} strokeWidth={1.5} className="mt-0.5 shrink-0 text-ok" />
      )}
      <div className="min-w-0 flex-1">
        <p className="font-medium">{title}</p>
        {description ? <p className="text-sm text-ink2 wrap-anywhere">{description}</p> : null}
      </div>
      <IconButton icon={X} size="sm" label="Dismiss" onClick={() => dismiss(id)} />
    </div>
  );
}
