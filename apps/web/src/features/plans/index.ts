export { Change, Changes, RefusedChange } from './change/change.tsx';
