'use client';
import { ChevronDown, type LucideIcon, Search } from 'lucide-react';
import { type ComponentProps, type ReactNode, useId } from 'react';
import { cx } from './cx.ts';

const box = 'rounded-md border border-edge bg-raised focus-visible:outline-offset-1 aria-invalid:border-bad-fill';
const input = cx(box, 'h-control w-full px-2');

interface Wiring {
  readonly id: string;
  readonly 'aria-describedby': string | undefined;
  readonly 'aria-invalid': true | undefined;
}

interface FieldProps {
  readonly label: string;
  readonly hint?: ReactNode;
  /** The error at this field, as the API said it. */
  readonly error?: string | null | undefined;
  /** Beside the label: "required", a unit. */
  readonly note?: string;
  readonly className?: string;
  readonly children: (wiring: Wiring) => ReactNode;
}

/** Label, control, hint and error, wired for a screen reader. */
function Field({ label, hint, error, note, className, children }: FieldProps) {
  const id = useId();
  const described = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return (
    <div className={cx('grid content-start gap-1', className)}>
      <div className="flex items-baseline gap-1.5">
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {note ? <span className="text-sm text-ink3">{note}</span> : null}
      </div>
      {children({ id, 'aria-describedby': described === '' ? undefined : described, 'aria-invalid': error ? true : undefined })}
      {error ? (
        <p id={`${id}-error`} className="text-sm text-bad">
          {error}
        </p>
      ) : null}
      {hint ? (
        <p id={`${id}-hint`} className="text-sm text-ink3">
          {hint}
        </p>
      ) : null}
    </div>
  );
}

type Common = Omit<FieldProps, 'children' | 'className'> & { readonly fieldClass?: string };

export function TextField({ label, hint, error, note, fieldClass, mono, className, ...rest }: Common & ComponentProps<'input'> & { readonly mono?: boolean }) {
  return (
    <Field label={label} hint={hint} error={error} {...(note ? { note } : {})} {...(fieldClass ? { className: fieldClass } : {})}>
      {(wiring) => <input autoComplete="off" spellCheck={false} {...rest} {...wiring} className={cx(input, mono && 'mono', className)} />}
    </Field>
  );
}

export function AreaField({
  label,
  hint,
  error,
  note,
  fieldClass,
  mono,
  className,
  ...rest
}: Common & ComponentProps<'textarea'> & { readonly mono?: boolean }) {
  return (
    <Field label={label} hint={hint} error={error} {...(note ? { note } : {})} {...(fieldClass ? { className: fieldClass } : {})}>
      {(wiring) => <textarea spellCheck={false} {...rest} {...wiring} className={cx(box, 'min-h-11 w-full px-2 py-1.5', mono && 'mono', className)} />}
    </Field>
  );
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export function SelectField({
  label,
  hint,
  error,
  note,
  fieldClass,
  choices,
  className,
  ...rest
}: Common & ComponentProps<'select'> & { readonly choices: readonly Choice[] }) {
  return (
    <Field label={label} hint={hint} error={error} {...(note ? { note } : {})} {...(fieldClass ? { className: fieldClass } : {})}>
      {(wiring) => (
        <span className="relative block">
          <select {...rest} {...wiring} className={cx(input, 'appearance-none pr-7', className)}>
            {choices.map((choice) => (
              <option key={choice.value} value={choice.value}>
                {choice.label}
              </option>
            ))}
          </select>
          <ChevronDown aria-hidden size={14} className="pointer-events-none absolute top-1/2 right-2 -translate-y-1/2 text-ink3" />
        </span>
      )}
    </Field>
  );
}

export function CheckField({ label, hint, className, ...rest }: { readonly label: ReactNode; readonly hint?: ReactNode } & ComponentProps<'input'>) {
  const id = useId();
  return (
    <div className={cx('flex items-start gap-2', className)}>
      <input {...rest} id={id} type="checkbox" className="mt-0.5 size-4 shrink-0 accent-accent" />
      <label htmlFor={id}>
        {label}
        {hint ? <span className="block text-sm text-ink3">{hint}</span> : null}
      </label>
    </div>
  );
}

/** A filter of the page's list: label inside, value beside it. */
export function Picker({ label, choices, className, ...rest }: { readonly label: string; readonly choices: readonly Choice[] } & ComponentProps<'select'>) {
  const id = useId();
  return (
    <span
      className={cx(
        'relative inline-flex h-control items-center rounded-md border border-rule bg-raised pl-2 focus-within:outline-2 focus-within:outline-accent hover:bg-hover',
        className,
      )}
    >
      <label htmlFor={id} className="text-ink3">
        {label}
      </label>
      <select {...rest} id={id} className="h-full appearance-none bg-transparent pr-6 pl-1.5 outline-none">
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
      <ChevronDown aria-hidden size={14} className="pointer-events-none absolute right-1.5 text-ink3" />
    </span>
  );
}

export function FilterField({
  label,
  icon: Icon = Search,
  className,
  ...rest
}: { readonly label: string; readonly icon?: LucideIcon } & ComponentProps<'input'>) {
  return (
    <label
      className={cx(
        'inline-flex h-control items-center gap-1.5 rounded-md border border-edge bg-raised px-2 text-ink3 focus-within:outline-2 focus-within:outline-offset-1 focus-within:outline-accent',
        className,
      )}
    >
      <Icon aria-hidden size={14} strokeWidth={1.75} className="shrink-0" />
      <span className="sr-only">{label}</span>
      <input
        data-filter
        type="search"
        placeholder={label}
        autoComplete="off"
        spellCheck={false}
        {...rest}
        className="h-full w-full min-w-0 border-0 bg-transparent p-0 text-ink outline-none"
      />
    </label>
  );
}

export interface Segment<T extends string> {
  readonly value: T;
  readonly label: ReactNode;
  readonly icon?: LucideIcon;
}

export function Segmented<T extends string>({
  label,
  value,
  segments,
  onChange,
}: {
  readonly label: string;
  readonly value: T;
  readonly segments: readonly Segment<T>[];
  readonly onChange: (value: T) => void;
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out inline with its legend; group says the same
    <div role="group" aria-label={label} className="inline-flex gap-px rounded-md border border-rule bg-sunken p-px">
      {segments.map(({ value: own, label: text, icon: Icon }) => (
        <button
          key={own}
          type="button"
          aria-pressed={own === value}
          onClick={() => onChange(own)}
          className="inline-flex h-6 items-center gap-1.5 rounded-[5px] px-2 text-sm font-medium whitespace-nowrap text-ink2 hover:text-ink aria-pressed:bg-raised aria-pressed:text-ink aria-pressed:shadow-[0_0_0_1px_var(--color-rule)]"
        >
          {Icon ? <Icon aria-hidden size={14} strokeWidth={1.75} /> : null}
          {text}
        </button>
      ))}
    </div>
  );
}
