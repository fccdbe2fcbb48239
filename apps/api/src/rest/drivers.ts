import { DriverBody, DriverListQuery, DriverView, Flag, listOf, MatrixQuery, MatrixView } from '@tenon/contract';
import { z } from 'zod';
import { route } from '../http/route.ts';
import { registerDriver, removeDriver } from '../use-cases/change-driver.ts';
import { getDriver, getMatrix, listDrivers } from '../use-cases/read-drivers.ts';

const tag = 'Drivers';

export const driverRoutes = [
  route({
    method: 'GET',
    path: '/drivers',
    tag,
    summary: 'Drivers with health and capabilities',
    query: DriverListQuery,
    answers: { 200: listOf(DriverView) },
    handle: async ({ deps, call, query }) => ({ status: 200, body: await listDrivers(deps, call, query) }),
  }),
  route({
    method: 'POST',
    path: '/drivers',
    tag,
    summary: 'Register an external or composed driver (admin); refused by this version',
    body: DriverBody,
    answers: { 201: DriverView },
    handle: ({ deps, call, body }) => registerDriver(deps, call, body),
  }),
  route({
    method: 'GET',
    path: '/drivers/{name}',
    tag,
    summary: 'One driver',
    answers: { 200: DriverView },
    handle: async ({ deps, call, params }) => ({ status: 200, body: await getDriver(deps, call, params('name')) }),
  }),
  route({
    method: 'DELETE',
    path: '/drivers/{name}',
    tag,
    summary: 'Remove a registered driver (admin)',
    query: z.strictObject({ abandon: Flag.default(false), reason: z.string().trim().min(1).max(1000).optional() }),
    answers: { 204: null },
    handle: ({ deps, call, params, query }) => removeDriver(deps, call, params('name'), query.reason ?? null),
  }),
  route({
    method: 'GET',
    path: '/capability-matrix',
    tag,
    summary: 'Which driver can run which extension, and why not',
    query: MatrixQuery,
    answers: { 200: MatrixView },
    handle: async ({ deps, call, query }) => ({ status: 200, body: await getMatrix(deps, call, query) }),
  }),
];
