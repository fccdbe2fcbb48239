export { CreateSandboxPage } from './create-page.tsx';
export { SandboxPage } from './sandbox-page.tsx';
export { SandboxesPage } from './sandboxes-page.tsx';
