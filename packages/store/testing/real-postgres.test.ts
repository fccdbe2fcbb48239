import { expect, it, vi } from 'vitest';
import { askForPostgres } from './real-postgres.ts';

const NOWHERE = 'postgres://nobody:none@127.0.0.1:1/none';

it('a server that is absent skips with its reason printed, and fails where TENON_REQUIRE names it', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  expect(await askForPostgres({ DATABASE_URL: NOWHERE, TENON_REQUIRE: 'docker' })).toMatchObject({ reason: expect.stringContaining('no PostgreSQL') });
  expect(warned).toHaveBeenCalledWith(expect.stringContaining('skipped: no PostgreSQL'));
  warned.mockRestore();
  await expect(askForPostgres({ DATABASE_URL: NOWHERE, TENON_REQUIRE: 'postgres,docker' })).rejects.toThrow('TENON_REQUIRE names postgres');
});
