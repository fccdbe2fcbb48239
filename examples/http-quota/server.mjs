// A quota extension in plain Node, without any package: at most `limit` sandboxes at once in a workspace.
// Each sandbox holds one slot of its workspace from before it is created until it is deleted.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const CONTRACT = 'tenon.dev/extension/v1';
const SECRET = process.env.EXTENSION_SECRET ?? '';
const DATA = process.env.QUOTA_DATA ?? 'quota.json';
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const CLOCK_SKEW_S = 300;
const FENCE_MS = 24 * 60 * 60 * 1000;

const manifest = {
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
};

// What is held must outlive this process: Tenon's ledger does. `slots`: by sandbox id; `fences`: released keys and when.
const held = load();

function load() {
  try {
    return JSON.parse(readFileSync(DATA, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return { slots: {}, fences: {} };
    throw error;
  }
}

function save() {
  for (const [key, at] of Object.entries(held.fences)) if (Date.now() - at > FENCE_MS) delete held.fences[key];
  writeFileSync(`${DATA}.next`, JSON.stringify(held));
  renameSync(`${DATA}.next`, DATA);
}

// Everything from here to the answer is synchronous, so no two calls can take one slot.
function hook(call) {
  const { idempotencyKey, attempt } = call.run;
  if (call.contract !== CONTRACT) throw refusal(400, `this extension speaks ${CONTRACT}`);
  // After a release with this key, a hook that comes late must make nothing.
  if (held.fences[idempotencyKey]) throw refusal(409, `the key ${idempotencyKey} was released`);
  const answer = call.phase === 'prepare_plan' ? label(call) : call.phase === 'before_create' ? takeSlot(call) : null;
  if (!answer) throw refusal(400, `no hook for ${call.phase}`);
  return { ...answer, idempotencyKey, attempt };
}

/** Labels the sandbox with the workspace that pays for it. The driver says where its labels are. */
function label(call) {
  const labels = call.plan.open.find(({ point }) => point.endsWith('.labels'));
  if (!labels) return { result: 'ok', warnings: ['labels are not open here, so the sandbox is not labelled'] };
  return {
    result: 'ok',
    message: 'counts against this workspace',
    patches: [{ op: 'add', path: `${labels.path}/quota.example.org~1workspace`, value: call.sandbox.workspace }],
  };
}

function takeSlot(call) {
  const { id, workspace } = call.sandbox;
  const { limit } = call.config;
  // The same sandbox again (another attempt, an answer that was lost) gets what it holds.
  if (!held.slots[id]) {
    const taken = new Set(
      Object.values(held.slots)
        .filter((slot) => slot.workspace === workspace)
        .map((slot) => slot.number),
    );
    if (taken.size >= limit) {
      return {
        result: 'deny',
        code: 'quota_exceeded',
        resourceExhausted: true,
        message: `workspace ${workspace} has ${taken.size} of ${limit} sandboxes: delete one first`,
      };
    }
    let number = 0;
    while (taken.has(number)) number += 1;
    held.slots[id] = { workspace, number, idempotencyKey: call.run.idempotencyKey };
    save();
  }
  const { number } = held.slots[id];
  return {
    result: 'ok',
    effects: [{ kind: 'slot', key: keyOf(held.slots[id]), handle: { number } }],
    logs: [{ at: new Date().toISOString(), level: 'info', message: `slot ${number} of ${limit}` }],
  };
}

/** Gives back what is named, or all that was made under the key where an answer was lost. What is not there counts as given back. */
function release(call) {
  held.fences[call.idempotencyKey] = Date.now();
  const slot = held.slots[call.sandbox.id];
  const named = call.effects.some(({ kind, key, handle }) => kind === 'slot' && handle !== null && slot && key === keyOf(slot));
  const unknown = call.effects.length === 0 || call.effects.some(({ handle }) => handle === null);
  if (slot && (named || (unknown && slot.idempotencyKey === call.idempotencyKey))) delete held.slots[call.sandbox.id];
  save();
  return { released: call.effects.map(({ key }) => key), failed: [] };
}

function list() {
  return { effects: Object.entries(held.slots).map(([sandboxId, slot]) => ({ kind: 'slot', key: keyOf(slot), sandboxId })) };
}

function keyOf(slot) {
  return `${slot.workspace}/${slot.number}`;
}

function refusal(status, message) {
  return Object.assign(new Error(message), { status });
}

function sign(seconds, body) {
  return createHmac('sha256', SECRET).update(`${seconds}.`).update(body).digest('hex');
}

function checkSignature(header, body) {
  const [, seconds, mac] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header ?? '') ?? [];
  if (!mac) throw refusal(401, 'the call carries no Tenon-Signature of the form t=<unix seconds>,v1=<hex>');
  if (Math.abs(Date.now() / 1000 - Number(seconds)) > CLOCK_SKEW_S) throw refusal(401, 'Tenon-Signature is too old or from the future');
  if (!timingSafeEqual(Buffer.from(sign(seconds, body), 'hex'), Buffer.from(mac, 'hex'))) throw refusal(401, 'Tenon-Signature does not match');
}

async function read(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw refusal(413, `a call has ${MAX_BODY_BYTES} bytes at most`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const paths = { '/v1/describe': () => manifest, '/v1/hook': hook, '/v1/release': release, '/v1/list': list };

const server = createServer(async (request, response) => {
  try {
    const answer = Object.hasOwn(paths, request.url) ? paths[request.url] : null;
    if (!answer || request.method !== 'POST') throw refusal(404, 'not offered');
    const body = await read(request);
    if (SECRET) checkSignature(request.headers['tenon-signature'], body);
    const text = JSON.stringify(answer(JSON.parse(body.toString('utf8'))));
    const seconds = Math.floor(Date.now() / 1000);
    response.writeHead(200, { 'content-type': 'application/json', ...(SECRET ? { 'Tenon-Signature': `t=${seconds},v1=${sign(seconds, text)}` } : {}) });
    response.end(text);
  } catch (error) {
    const status = error.status ?? (error instanceof SyntaxError || error instanceof TypeError ? 400 : 500);
    if (status === 500) console.error(error);
    response.writeHead(status, { 'content-type': 'text/plain' }).end(`${error.message}\n`);
  }
});

server.listen(Number(process.env.PORT ?? 9000), process.env.HOST ?? '127.0.0.1', () => {
  const { address, port } = server.address();
  console.log(`http-quota listens on http://${address}:${port}`);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.close(() => process.exit(0)));
