import type { ActivationMode, BreakerState, CapabilityState, DriverHealth, EffectState, Outcome, RunStatus, SandboxState } from '@tenon/vocabulary';
import {
  Ban,
  Check,
  ChevronsRight,
  CircleDashed,
  CircleMinus,
  CircleX,
  Clock,
  Hourglass,
  type LucideIcon,
  OctagonX,
  PlugZap,
  ReceiptText,
  SquareDot,
  TriangleAlert,
  Undo2,
} from 'lucide-react';
import type { ReactNode } from 'react';
import { cx } from './cx.ts';
import { chipOf, inkOf, type Tone } from './tone.ts';

/** A state is shape, word and colour, in that order. */
export interface StateLook {
  readonly tone: Tone;
  readonly icon: LucideIcon;
  readonly word: string;
}

const look = (tone: Tone, icon: LucideIcon, word: string): StateLook => ({ tone, icon, word });

export const outcomeLook: Record<Outcome, StateLook> = {
  ok: look('ok', Check, 'ok'),
  changed: look('changed', SquareDot, 'changed'),
  denied: look('bad', Ban, 'denied'),
  failed: look('bad', OctagonX, 'failed'),
  timed_out: look('bad', Clock, 'timed out'),
  skipped: look('idle', ChevronsRight, 'skipped'),
  shadowed: look('shadow', CircleDashed, 'shadowed'),
  aborted: look('idle', CircleX, 'aborted'),
};

export const runLook: Record<RunStatus, StateLook> = {
  running: look('owed', Hourglass, 'Running'),
  waiting: look('owed', Hourglass, 'Waiting'),
  interrupted: look('owed', PlugZap, 'Interrupted'),
  succeeded: look('ok', Check, 'Succeeded'),
  failed: look('bad', OctagonX, 'Failed'),
  failed_with_debt: look('bad', OctagonX, 'Failed'),
};

export const sandboxLook: Record<SandboxState, StateLook> = {
  creating: look('owed', Hourglass, 'Creating'),
  running: look('owed', Hourglass, 'Running, not ready'),
  ready: look('ok', Check, 'Ready'),
  stopping: look('owed', Hourglass, 'Stopping'),
  stopped: look('idle', CircleMinus, 'Stopped'),
  starting: look('owed', Hourglass, 'Starting'),
  deleting: look('owed', Hourglass, 'Deleting'),
  deleted: look('idle', CircleMinus, 'Deleted'),
  failed: look('bad', OctagonX, 'Failed'),
};

export const effectLook: Record<EffectState, StateLook> = {
  intended: look('owed', Hourglass, 'intended'),
  applied: look('ok', Check, 'applied'),
  released: look('undo', Undo2, 'released'),
  owed: look('owed', ReceiptText, 'owed'),
  waived: look('idle', CircleMinus, 'waived'),
};

export const modeLook: Record<ActivationMode, StateLook> = {
  enforce: look('ok', Check, 'enforce'),
  shadow: look('shadow', CircleDashed, 'shadow'),
  disabled: look('idle', CircleMinus, 'disabled'),
};

export const breakerLook: Record<BreakerState, StateLook> = {
  closed: look('ok', Check, 'closed'),
  open: look('bad', Ban, 'open'),
  half_open: look('owed', Hourglass, 'half open'),
};

export const healthLook: Record<DriverHealth, StateLook> = {
  healthy: look('ok', Check, 'healthy'),
  degraded: look('owed', TriangleAlert, 'degraded'),
  unavailable: look('bad', OctagonX, 'unavailable'),
};

export const capabilityLook: Record<CapabilityState, StateLook> = {
  supported: look('ok', Check, 'supported'),
  no_op: look('idle', CircleMinus, 'no-op'),
  refused: look('bad', OctagonX, 'refused'),
};

interface StateProps {
  readonly look: StateLook;
  /** Replaces the word; the shape stays. */
  readonly children?: ReactNode;
  readonly className?: string;
}

/** A state in running text or a cell: icon and word. */
export function State({ look: { tone, icon: Icon, word }, children, className }: StateProps) {
  return (
    <span className={cx('inline-flex items-center gap-1.5 align-middle whitespace-nowrap', tone === 'ok' ? '' : inkOf[tone], className)}>
      <Icon aria-hidden size={14} strokeWidth={1.75} className={cx('shrink-0', inkOf[tone])} />
      {children ?? word}
    </span>
  );
}

/** A state as a chip: for titles and where it must be seen first. */
export function Chip({ look: { tone, icon: Icon, word }, children, className }: StateProps) {
  return (
    <span
      className={cx(
        'inline-flex h-5.5 items-center gap-1 rounded-sm pr-1.75 pl-1.25 text-sm leading-none font-medium whitespace-nowrap',
        chipOf[tone],
        className,
      )}
    >
      <Icon aria-hidden size={14} strokeWidth={1.75} className="shrink-0" />
      {children ?? word}
    </span>
  );
}

export const owedLook = (count: number): StateLook => look('owed', ReceiptText, `${count} ${count === 1 ? 'effect' : 'effects'} owed`);
