'use client';
import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Button } from './button.tsx';
import { Kbd } from './code.tsx';
import { sayFailed } from './toast.tsx';

/** Copies text and says so; where the browser refuses, says that instead. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (refusal) {
    sayFailed('The browser did not let Tenon copy', refusal instanceof Error ? refusal.message : text);
    return false;
  }
}

export function CopyButton({ text, label = 'Copy', keyHint }: { readonly text: string | (() => string); readonly label?: string; readonly keyHint?: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <Button size="sm" look="quiet" icon={done ? Check : Copy} onClick={() => void copyText(typeof text === 'string' ? text : text()).then(setDone)}>
      {done ? 'Copied' : label}
      {keyHint ? <Kbd>{keyHint}</Kbd> : null}
    </Button>
  );
}
