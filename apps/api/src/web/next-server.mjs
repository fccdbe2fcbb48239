// JavaScript on purpose: importing Next from TypeScript brings its global types along, which redefine process.env for the whole API.
export { default as nextServer } from 'next';
