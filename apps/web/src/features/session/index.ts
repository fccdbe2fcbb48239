export { SessionGate } from './gate.tsx';
export { INSTALLATION, useDenied, useSession } from './session-context.tsx';
export { useSignOut } from './sign-in.tsx';
