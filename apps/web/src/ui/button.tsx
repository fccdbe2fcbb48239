'use client';
import type { LucideIcon } from 'lucide-react';
import Link from 'next/link';
import { type ComponentProps, type ReactNode, useId } from 'react';
import { cx } from './cx.ts';

type Look = 'plain' | 'primary' | 'quiet' | 'danger';
type Size = 'md' | 'sm';

const base = 'inline-flex shrink-0 items-center justify-center gap-1.5 border font-medium whitespace-nowrap transition-colors no-underline';
const sizes: Record<Size, string> = { md: 'h-control rounded-md px-2.5', sm: 'h-6 rounded-[5px] px-2 text-sm' };
const looks: Record<Look, string> = {
  plain: 'border-rule bg-raised hover:border-edge hover:bg-hover',
  primary: 'border-accent bg-accent text-on-accent hover:brightness-110',
  quiet: 'border-transparent bg-transparent text-ink2 hover:bg-hover hover:text-ink',
  danger: 'border-bad-rule bg-raised text-bad hover:bg-bad-soft',
};
const refused = 'cursor-not-allowed border-hairline bg-idle-soft text-ink3';

function buttonClass(look: Look = 'plain', size: Size = 'md'): string {
  return cx(base, sizes[size], looks[look]);
}

interface ButtonProps extends Omit<ComponentProps<'button'>, 'type'> {
  readonly look?: Look;
  readonly size?: Size;
  readonly icon?: LucideIcon;
  readonly type?: 'button' | 'submit';
  /** Why it cannot be done now, e.g. which role is missing: the button stays, says it, and does nothing. */
  readonly denied?: string | null | undefined;
  readonly busy?: boolean;
}

/** A button names its result. A denied one stays visible, reachable and says what is missing. */
export function Button({ look = 'plain', size = 'md', icon: Icon, type = 'button', denied, busy, children, className, onClick, ...rest }: ButtonProps) {
  const why = useId();
  const off = Boolean(denied) || busy === true;
  return (
    <>
      <button
        {...rest}
        type={type}
        aria-disabled={off || undefined}
        aria-describedby={denied ? why : rest['aria-describedby']}
        title={denied ?? rest.title}
        className={cx(base, sizes[size], off ? refused : looks[look], className)}
        onClick={(event) => {
          if (off) event.preventDefault();
          else onClick?.(event);
        }}
      >
        {Icon ? <Icon aria-hidden size={size === 'sm' ? 14 : 16} strokeWidth={1.5} /> : null}
        {children}
      </button>
      {denied ? (
        <span id={why} className="sr-only">
          {denied}
        </span>
      ) : null}
    </>
  );
}

interface IconButtonProps extends Omit<ButtonProps, 'children' | 'icon'> {
  readonly label: string;
  readonly icon: LucideIcon;
}

export function IconButton({ label, icon: Icon, look = 'quiet', size = 'md', className, denied, ...rest }: IconButtonProps) {
  return (
    <Button
      {...rest}
      denied={denied}
      look={look}
      size={size}
      aria-label={label}
      title={denied ?? label}
      className={cx('px-0!', size === 'sm' ? 'w-6' : 'w-7', className)}
    >
      <Icon aria-hidden size={size === 'sm' ? 14 : 16} strokeWidth={1.5} />
    </Button>
  );
}

export function LinkButton({
  href,
  look,
  size,
  icon: Icon,
  children,
}: {
  readonly href: string;
  readonly look?: Look;
  readonly size?: Size;
  readonly icon?: LucideIcon;
  readonly children: ReactNode;
}) {
  return (
    <Link href={href} className={buttonClass(look, size)}>
      {Icon ? <Icon aria-hidden size={16} strokeWidth={1.5} /> : null}
      {children}
    </Link>
  );
}

/** A link in running text. */
export function TextLink({ className, ...rest }: ComponentProps<typeof Link>) {
  return <Link {...rest} className={cx('text-accent underline decoration-accent-rule underline-offset-2 hover:decoration-current', className)} />;
}
