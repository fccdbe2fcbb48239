import { describe, expect, it } from 'vitest';
import { INSTALLATION, missingFor } from './session-context.tsx';

describe('missingFor', () => {
  it('lets a higher role do what a lower one may', () => {
    expect(missingFor({ role: 'admin', workspaces: null }, 'operator')).toBeNull();
    expect(missingFor({ role: 'operator', workspaces: ['team-a'] }, 'operator', 'team-a')).toBeNull();
  });
  it('names the missing role', () => {
    expect(missingFor({ role: 'viewer', workspaces: null }, 'operator')).toBe('This needs the role operator. You are viewer.');
  });
  it('keeps a limited role from what concerns everybody', () => {
    expect(missingFor({ role: 'admin', workspaces: ['team-a'] }, 'operator', INSTALLATION)).toBe(
      'This needs the role operator without a limit to workspaces. You are admin in team-a.',
    );
    expect(missingFor({ role: 'operator', workspaces: null }, 'operator', INSTALLATION)).toBeNull();
  });
  it('names the workspace that is out of reach', () => {
    expect(missingFor({ role: 'operator', workspaces: ['team-a', 'research'] }, 'operator', 'ci')).toBe(
      'This needs the role operator in workspace ci. You are operator in team-a, research.',
    );
  });
});
