export { SessionGate } from './gate.tsx';
export { INSTALLATION, missingFor, useDenied, useSession } from './session-context.tsx';
export { useSignOut } from './sign-in.tsx';
