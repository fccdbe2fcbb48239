export { SessionGate } from './gate.tsx';
export { missingFor, useDenied, useSession } from './session-context.tsx';
export { useSignOut } from './sign-in.tsx';
