'use client';
import { type QueryFilters, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTRPC } from '../api/client.ts';
import type { LiveMessage } from './connection.ts';

/** Events come in bursts (a run has many attempts): what they make outdated is read again once per burst. */
const GATHER_MS = 250;

/** What an event makes outdated is read again, if a page shows it; the rest only counts as outdated. */
export function useInvalidate(): (message: LiveMessage) => void {
  const client = useQueryClient();
  const trpc = useTRPC();
  return useMemo(() => {
    const pending = new Map<string, QueryFilters>();
    let waiting = false;
    const flush = () => {
      waiting = false;
      const filters = [...pending.values()];
      pending.clear();
      for (const filter of filters) void client.invalidateQueries(filter);
    };
    const add = (...filters: readonly QueryFilters[]) => {
      for (const filter of filters) pending.set(JSON.stringify(filter.queryKey ?? ''), filter);
      if (!waiting) {
        waiting = true;
        setTimeout(flush, GATHER_MS);
      }
    };
    return (message) => {
      if (message.kind === 'missed') {
        add({});
        return;
      }
      const { type, runId, sandboxId } = message.event;
      const ofRun = runId === null ? [] : [trpc.runs.get.queryFilter({ id: runId }), trpc.runs.attempts.queryFilter({ id: runId })];
      const ofSandbox = sandboxId === null ? [] : [trpc.sandboxes.get.queryFilter({ id: sandboxId })];
      switch (type) {
        case 'sandbox':
          add(trpc.sandboxes.list.pathFilter(), ...ofSandbox, trpc.drivers.pathFilter());
          if (sandboxId !== null) add(trpc.sandboxes.plan.queryFilter({ id: sandboxId }));
          break;
        case 'run':
          add(trpc.runs.list.pathFilter(), ...ofRun, ...ofSandbox, trpc.sandboxes.list.pathFilter());
          break;
        case 'attempt':
          add(...ofRun, ...ofSandbox);
          break;
        case 'effect':
          add(trpc.effects.pathFilter(), ...ofRun, ...ofSandbox, trpc.extensions.pathFilter());
          break;
        case 'activation':
          add(
            trpc.activations.list.pathFilter(),
            trpc.activations.get.pathFilter(),
            trpc.matrix.pathFilter(),
            trpc.extensions.pathFilter(),
            trpc.audit.pathFilter(),
          );
          break;
        case 'extension':
          add(trpc.extensions.pathFilter(), trpc.matrix.pathFilter(), trpc.audit.pathFilter());
          break;
        case 'driver':
          add(trpc.drivers.pathFilter(), trpc.matrix.pathFilter());
          break;
      }
    };
  }, [client, trpc]);
}
