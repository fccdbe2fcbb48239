import { ExtensionServer } from '../harness/extension-server.ts';

/** An extension that allocates before the create, and fails after it. Then it fails once more, when it is told. */
export function serveSeatPool(): Promise<ExtensionServer> {
  return ExtensionServer.listen({
    manifest: {
      name: 'seat-pool',
      revision: '1.2.0',
      description: 'Takes a seat for each sandbox, and finds its server full.',
      activation: { mode: 'global' },
      hooks: [{ phase: 'before_create' }, { phase: 'after_create' }, { phase: 'on_create_failed' }],
      effects: ['slot'],
    },
    allocatesIn: ['before_create'],
    behave: ({ phase }) => {
      if (phase === 'after_create') return { does: 'answer', answer: { result: 'fail', code: 'pool_full', message: 'the seat server has no seat left' } };
      if (phase === 'on_create_failed')
        return { does: 'answer', answer: { result: 'fail', code: 'still_full', message: 'the seat server is full and says so again' } };
      return null;
    },
  });
}
