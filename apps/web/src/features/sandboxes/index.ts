'use client';
import dynamic from 'next/dynamic';

// A page of its own loads what is its own.
export const CreateSandboxPage = dynamic(() => import('./create-page.tsx').then((module) => module.CreateSandboxPage));
export const SandboxPage = dynamic(() => import('./sandbox-page.tsx').then((module) => module.SandboxPage));
export const SandboxesPage = dynamic(() => import('./sandboxes-page.tsx').then((module) => module.SandboxesPage));
