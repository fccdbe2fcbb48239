/** The roles of colour: a hue is the third carrier of meaning, after the icon's shape and the word. */
export type Tone = 'ok' | 'changed' | 'shadow' | 'bad' | 'owed' | 'undo' | 'idle';

export const inkOf: Record<Tone, string> = {
  ok: 'text-ok',
  changed: 'text-changed',
  shadow: 'text-changed',
  bad: 'text-bad',
  owed: 'text-owed',
  undo: 'text-undo',
  idle: 'text-idle',
};

export const chipOf: Record<Tone, string> = {
  ok: 'text-ok bg-ok-soft',
  changed: 'text-changed bg-changed-soft',
  shadow: 'text-changed shadow-[inset_0_0_0_1px_var(--color-changed-fill)]',
  bad: 'text-bad bg-bad-soft',
  owed: 'text-owed bg-owed-soft',
  undo: 'text-undo bg-undo-soft',
  idle: 'text-idle bg-idle-soft',
};
