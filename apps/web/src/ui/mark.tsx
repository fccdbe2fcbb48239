/** The mark: a tenon in its mortise. */
export function Mark({ size = 20 }: { readonly size?: number }) {
  return (
    <svg viewBox="0 0 20 20" width={size} height={size} aria-hidden="true" className="shrink-0">
      <path d="M1.500 3.500h7.800v3.600h4.400v5.800H9.300v3.600H1.500z" fill="currentColor" />
      <path d="M11.800 3.500h6.700v13h-6.700v-2.100h4.500V5.600h-4.500z" fill="var(--color-accent)" />
    </svg>
  );
}
