'use client';
import dynamic from 'next/dynamic';
import { type ReactNode, useState } from 'react';
import { Button } from './button.tsx';
import { AreaField } from './field.tsx';

/** What a page needs only once something is changed is not part of its first load. */
export const Sheet = dynamic(() => import('./sheet.tsx').then((module) => module.Sheet), { ssr: false });

interface ReasonProps {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly title: string;
  /** What will happen, before it does. */
  readonly facts: ReactNode;
  /** The button names the result: "Stop demo". */
  readonly confirm: string;
  readonly danger?: boolean;
  /** Whether a reason must be given. */
  readonly reason: 'required' | 'optional' | 'none';
  readonly busy?: boolean;
  readonly problem?: ReactNode;
  readonly onConfirm: (reason: string) => void;
  readonly extra?: ReactNode;
}

/** Confirms one change, with the reason that goes to the audit record. */
export function ConfirmSheet({ open, onClose, title, facts, confirm, danger, reason, busy, problem, onConfirm, extra }: ReasonProps) {
  const [text, setText] = useState('');
  const missing = reason === 'required' && text.trim() === '' ? 'Say why first: the reason goes to the audit record.' : null;
  return (
    <Sheet
      open={open}
      onClose={onClose}
      title={title}
      footer={
        <>
          <span className="flex-1" />
          <Button onClick={onClose}>Cancel</Button>
          <Button look={danger ? 'danger' : 'primary'} denied={missing} {...(busy === undefined ? {} : { busy })} onClick={() => onConfirm(text.trim())}>
            {confirm}
          </Button>
        </>
      }
    >
      <div className="grid gap-3 px-3 py-4 md:px-5">
        <div className="grid gap-2 text-ink2">{facts}</div>
        {extra}
        {reason === 'none' ? null : (
          <AreaField
            label="Reason"
            note={reason === 'required' ? 'required, goes to the audit record' : 'goes to the audit record'}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )}
        {problem}
      </div>
    </Sheet>
  );
}
