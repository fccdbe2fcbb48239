'use client';
import { Toast as Base } from '@base-ui/react/toast';
import { Check, OctagonX, X } from 'lucide-react';
import type { ReactNode } from 'react';
import { IconButton } from './button.tsx';

/** What has been done, said once. Failures that need an answer are shown where they happened, never only here. */
const toasts = Base.createToastManager();

export function sayDone(title: string, description?: string): void {
  toasts.add({ title, ...(description ? { description } : {}), type: 'done', timeout: 5000 });
}

export function sayFailed(title: string, description?: string): void {
  toasts.add({ title, ...(description ? { description } : {}), type: 'failed', priority: 'high', timeout: 12_000 });
}

function List() {
  const { toasts: shown } = Base.useToastManager();
  return shown.map((toast) => (
    <Base.Root key={toast.id} toast={toast} className="flex items-start gap-2 rounded-lg border border-rule bg-raised px-3 py-2 shadow-pop">
      {toast.type === 'failed' ? (
        <OctagonX aria-hidden size={16} strokeWidth={1.5} className="mt-0.5 shrink-0 text-bad" />
      ) : (
        <Check aria-hidden size={16} strokeWidth={1.5} className="mt-0.5 shrink-0 text-ok" />
      )}
      <div className="min-w-0 flex-1">
        <Base.Title className="font-medium" />
        <Base.Description className="text-sm text-ink2 wrap-anywhere" />
      </div>
      <Base.Close render={<IconButton label="Dismiss" icon={X} size="sm" />} />
    </Base.Root>
  ));
}

export function Toasts({ children }: { readonly children: ReactNode }) {
  return (
    <Base.Provider toastManager={toasts} limit={3}>
      {children}
      <Base.Portal>
        <Base.Viewport className="fixed right-4 bottom-4 z-50 grid w-[min(22rem,calc(100vw-2rem))] gap-2">
          <List />
        </Base.Viewport>
      </Base.Portal>
    </Base.Provider>
  );
}
