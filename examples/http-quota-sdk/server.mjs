// The quota extension of ../http-quota, written with the SDK: at most `limit` sandboxes at once in a workspace.
import { createServer } from 'node:http';
import { CONTRACT, createHandler, pointer } from '@tenon/extension-sdk';
import { Slots } from './slots.mjs';

const slots = new Slots(process.env.QUOTA_DATA ?? 'quota.json');

const handler = createHandler({
  manifest: {
    contract: CONTRACT,
    name: 'http-quota',
    revision: '1.0.0',
    description: 'At most so many sandboxes at once in a workspace',
    activation: { mode: 'global' },
    hooks: [
      { phase: 'prepare_plan', points: ['*.labels'], deadlineMs: 2000 },
      { phase: 'before_create', deadlineMs: 2000 },
    ],
    effects: ['slot'],
    configSchema: { type: 'object', properties: { limit: { type: 'integer', minimum: 0 } }, required: ['limit'], additionalProperties: false },
    dryRunSafe: true,
  },
  ...(process.env.EXTENSION_SECRET ? { secret: process.env.EXTENSION_SECRET } : {}),

  hooks: {
    // Labels the sandbox with the workspace that pays for it. The driver says where its labels are.
    prepare_plan({ plan, sandbox }) {
      const labels = plan.open.find(({ point }) => point.endsWith('.labels'));
      if (!labels) return { warnings: ['labels are not open here, so the sandbox is not labelled'] };
      const path = labels.path + pointer('quota.example.org/workspace');
      return { message: 'counts against this workspace', patches: [{ op: 'add', path, value: sandbox.workspace }] };
    },

    before_create({ sandbox, run, config: { limit } }, { log }) {
      const slot = slots.take(sandbox, run.idempotencyKey, limit);
      if (!slot) {
        const message = `workspace ${sandbox.workspace} has ${slots.count(sandbox.workspace)} of ${limit} sandboxes: delete one first`;
        return { result: 'deny', code: 'quota_exceeded', resourceExhausted: true, message };
      }
      log.info(`slot ${slot.number} of ${limit}`);
      return { effects: [{ kind: 'slot', key: slot.key, handle: { number: slot.number } }] };
    },
  },

  release({ sandbox, effects, idempotencyKey }) {
    // Where an answer was lost, the idempotency key alone says what is meant.
    if (effects.length === 0) slots.giveBack(sandbox, { idempotencyKey });
    for (const { key, handle } of effects) slots.giveBack(sandbox, handle === null ? { key, idempotencyKey } : { key });
  },

  list: () => slots.list(),
});

const server = createServer(handler);
server.listen(Number(process.env.PORT ?? 9000), process.env.HOST ?? '127.0.0.1', () => {
  const { address, port } = server.address();
  console.log(`http-quota listens on http://${address}:${port}`);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.close(() => process.exit(0)));
