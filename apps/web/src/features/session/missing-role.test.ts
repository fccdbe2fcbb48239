import { describe, expect, it } from 'vitest';
import { missingFor } from './session-context.tsx';

describe('missingFor', () => {
  it('lets a higher role do what a lower one may', () => {
    expect(missingFor({ role: 'admin', workspaces: null }, 'operator')).toBeNull();
    expect(missingFor({ role: 'operator', workspaces: ['team-a'] }, 'operator', 'team-a')).toBeNull();
  });
  it('names the missing role', () => {
    expect(missingFor({ role: 'viewer', workspaces: null }, 'operator')).toBe('This needs the role operator. You are viewer.');
  });
  it('names the workspace that is out of reach', () => {
    expect(missingFor({ role: 'operator', workspaces: ['team-a', 'research'] }, 'operator', 'ci')).toBe(
      'This needs the role operator in workspace ci. You are operator in team-a, research.',
    );
  });
});
