'use client';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Empty, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { matrixOf, requiredOf } from './matrix-model.ts';
import { MatrixTable } from './matrix-table.tsx';

/** Where one extension can run, driver by driver; without an extension, what the drivers offer of themselves. */
export function CapabilityMatrix({ extension, driver }: { readonly extension: string | null; readonly driver?: string }) {
  const trpc = useTRPC();
  const matrix = useQuery(trpc.matrix.get.queryOptions({ ...(extension === null ? {} : { extension }), ...(driver === undefined ? {} : { driver }) }));
  const drivers = useQuery(trpc.drivers.list.queryOptions({ limit: 200 }));
  const known = useQuery({ ...trpc.extensions.get.queryOptions({ name: extension ?? '' }), enabled: extension !== null });
  const table = useMemo(() => {
    if (!matrix.data) return null;
    const cells = matrix.data.cells.filter((cell) => cell.extension === extension);
    const names = driver === undefined ? (drivers.data?.items.map(({ name }) => name) ?? []) : [driver];
    const manifest = known.data?.revisions.find(({ revision }) => revision === (cells[0]?.revision ?? known.data?.latest))?.manifest;
    return matrixOf(cells, names, extension === null ? null : requiredOf(manifest?.hooks ?? []));
  }, [matrix.data, drivers.data, known.data, extension, driver]);
  if (matrix.error) return <ProblemNote className="m-3" problem={problemOf(matrix.error)} onRetry={() => void matrix.refetch()} />;
  if (!table) return <Skeleton rows={8} />;
  if (table.groups.length === 0)
    return <Empty>{extension === null ? 'No driver has reported what it can do.' : `${extension} asks nothing of any driver.`}</Empty>;
  return <MatrixTable matrix={table} label={extension === null ? 'What the drivers offer' : `Where ${extension} can run`} withNeed={extension !== null} />;
}
