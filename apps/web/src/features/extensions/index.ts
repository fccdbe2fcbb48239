export { ExtensionPage } from './extension-page.tsx';
export { ExtensionsPage } from './extensions-page.tsx';
