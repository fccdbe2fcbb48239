'use client';
import dynamic from 'next/dynamic';

// A page of its own loads what is its own: lists do not carry the trace with them.
export const RunPage = dynamic(() => import('./run-page.tsx').then((module) => module.RunPage));
export const RunsPage = dynamic(() => import('./runs-page.tsx').then((module) => module.RunsPage));
export const FailuresPage = dynamic(() => import('./runs-page.tsx').then((module) => module.FailuresPage));

export { RunsTable } from './runs-table.tsx';
export { runHref } from './words.ts';
