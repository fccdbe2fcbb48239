export { checkTarget, DEFAULT_ALLOWED_TARGETS } from '../limits/target.ts';
export { type HttpTransportOptions, httpTransport } from './http-transport.ts';
