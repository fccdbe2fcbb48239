import { DriverListQuery, DriverName, DriverView, listOf, MatrixQuery, MatrixView } from '@tenon/contract';
import { z } from 'zod';
import { getDriver, getMatrix, listDrivers } from '../use-cases/read-drivers.ts';
import { procedure, router } from './base.ts';

export const drivers = router({
  list: procedure
    .input(DriverListQuery)
    .output(listOf(DriverView))
    .query(({ ctx, input }) => listDrivers(ctx.deps, ctx.call, input)),
  get: procedure
    .input(z.strictObject({ name: DriverName }))
    .output(DriverView)
    .query(({ ctx, input }) => getDriver(ctx.deps, ctx.call, input.name)),
});

export const matrix = router({
  get: procedure
    .input(MatrixQuery)
    .output(MatrixView)
    .query(({ ctx, input }) => getMatrix(ctx.deps, ctx.call, input)),
});
