import {
  type ActivationRow,
  type ExtensionRecord,
  newestRevision,
  type RegistryStore,
  type RevisionRecord,
  TenonError,
  toStorableJson,
} from '@tenon/lifecycle';
import { type Database, storableText } from './database.ts';
import type { Prisma } from './generated/client.ts';

/** The one lock under which registrations and activations are judged and written, so that no two pass the same check. */
const REGISTRY_LOCK = 7_333_001;
const WAITS = { maxWait: 15_000, timeout: 30_000 };

type Tx = Prisma.TransactionClient;
const WITH_REVISIONS = { revisions: { orderBy: { position: 'asc' } } } as const;
type ExtensionRow = Prisma.ExtensionGetPayload<{ include: { revisions: true } }>;
type SavedActivation = Prisma.ActivationGetPayload<object>;

export function registryStore(db: Database): RegistryStore {
  const { prisma } = db;
  const locked = <T>(work: (tx: Tx) => Promise<T>): Promise<T> =>
    prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(${REGISTRY_LOCK}::bigint)`;
      return work(tx);
    }, WAITS);
  const uses = async (name: string) => {
    const [row] = await db.query<{ activations: number; owed: number; sandboxes: number }>(
      `SELECT (SELECT count(*) FROM activation WHERE extension = $1) AS activations,
              (SELECT count(*) FROM effect WHERE extension = $1 AND state = 'owed') AS owed,
              (SELECT count(*) FROM sandbox WHERE extensions @> ARRAY[$1]::text[] AND state <> 'deleted' AND NOT hidden) AS sandboxes`,
      [name],
    );
    return row ?? { activations: 0, owed: 0, sandboxes: 0 };
  };

  return {
    listExtensions: async () => (await prisma.extension.findMany({ include: WITH_REVISIONS, orderBy: { name: 'asc' } })).map(toExtension),
    getExtension: async (name) => {
      const row = await prisma.extension.findUnique({ where: { name: storableText(name) }, include: WITH_REVISIONS });
      return row === null ? null : toExtension(row);
    },

    addExtension: (extension, check) =>
      locked(async (tx) => {
        const others = await allExtensions(tx);
        if (others.some((other) => other.name === extension.name)) throw nameTaken(extension.name);
        check(others);
        await insertExtension(tx, extension);
      }),

    addRevision: (revision, check) =>
      locked(async (tx) => {
        const all = await allExtensions(tx);
        const extension = all.find((each) => each.name === revision.extension);
        if (extension === undefined) throw unknownExtension(revision.extension);
        check(
          extension,
          all.filter((each) => each.name !== extension.name),
        );
        if (extension.revisions.some((known) => known.revision === revision.revision)) throw revisionTaken(revision);
        await tx.extensionRevision.create({ data: revisionData(revision) });
        const row = await tx.extension.update({
          where: { name: extension.name },
          data: { latest: newestRevision(extension.latest, revision.revision) },
          include: WITH_REVISIONS,
        });
        return toExtension(row);
      }),

    replaceInProcess: (extension) =>
      locked(async (tx) => {
        const known = await tx.extension.findUnique({ where: { name: extension.name } });
        if (known?.source === 'registered') throw nameTaken(extension.name);
        if (known === null) await insertExtension(tx, extension);
        else {
          await tx.extensionRevision.deleteMany({ where: { extension: extension.name } });
          await tx.extension.update({ where: { name: extension.name }, data: { source: extension.source, latest: extension.latest } });
          await tx.extensionRevision.createMany({ data: extension.revisions.map(revisionData) });
        }
        const moved: ActivationRow[] = [];
        for (const row of await tx.activation.findMany({ where: { extension: extension.name } })) {
          const saved = toActivation(row);
          if (saved.revision === extension.latest) continue;
          moved.push(await saveActivation(tx, { ...saved, revision: extension.latest }, saved.version + 1));
        }
        return moved.sort(effectiveOrder);
      }),

    removeExtension: (name, check) =>
      locked(async (tx) => {
        if ((await tx.extension.findUnique({ where: { name: storableText(name) } })) === null) throw unknownExtension(name);
        check(await uses(name));
        await tx.extension.delete({ where: { name } });
      }),

    setKillSwitch: async (name, killSwitch) => {
      const changed = await prisma.extension.updateMany({ where: { name: storableText(name) }, data: { killSwitch: stored(killSwitch) } });
      const row = changed.count === 0 ? null : await prisma.extension.findUnique({ where: { name }, include: WITH_REVISIONS });
      if (row === null) throw unknownExtension(name);
      return toExtension(row);
    },

    extensionUses: uses,

    listActivations: async () => (await prisma.activation.findMany()).map(toActivation).sort(effectiveOrder),
    getActivation: async (id) => {
      const row = await prisma.activation.findUnique({ where: { id: storableText(id) } });
      return row === null ? null : toActivation(row);
    },

    addActivation: (activation, check) =>
      locked(async (tx) => {
        if ((await tx.extension.findUnique({ where: { name: storableText(activation.extension) } })) === null) throw unknownExtension(activation.extension);
        check(await othersThan(tx, activation.id));
        const now = await timeOf(tx);
        const row = await tx.activation.create({
          data: {
            id: activation.id,
            extension: activation.extension,
            version: 1,
            order: activation.order,
            values: valuesOf(activation),
            createdAt: now,
            updatedAt: now,
          },
        });
        return toActivation(row);
      }),

    updateActivation: (next, expectedVersion, check) =>
      locked(async (tx) => {
        const saved = await savedActivation(tx, next.id, expectedVersion);
        check(await othersThan(tx, next.id));
        return saveActivation(tx, next, saved.version + 1);
      }),

    removeActivation: (id, expectedVersion) =>
      locked(async (tx) => {
        const saved = await savedActivation(tx, id, expectedVersion);
        await tx.activation.delete({ where: { id } });
        return saved;
      }),
  };
}

async function allExtensions(tx: Tx): Promise<ExtensionRecord[]> {
  return (await tx.extension.findMany({ include: WITH_REVISIONS, orderBy: { name: 'asc' } })).map(toExtension);
}

async function insertExtension(tx: Tx, extension: ExtensionRecord): Promise<void> {
  await tx.extension.create({
    data: {
      name: extension.name,
      source: extension.source,
      latest: extension.latest,
      killSwitch: stored(extension.killSwitch),
      createdAt: new Date(extension.createdAt),
    },
  });
  await tx.extensionRevision.createMany({ data: extension.revisions.map(revisionData) });
}

async function savedActivation(tx: Tx, id: string, expectedVersion: number | null): Promise<ActivationRow> {
  const row = await tx.activation.findUnique({ where: { id: storableText(id) } });
  if (row === null) throw new TenonError('not_found', `There is no activation ${id}.`);
  const saved = toActivation(row);
  if (expectedVersion !== null && saved.version !== expectedVersion) {
    throw new TenonError('precondition_failed', `The activation ${id} is at version ${saved.version}, not ${expectedVersion}.`, {
      extension: saved.extension,
      hint: 'Read it again, look at what changed, and repeat your change with its ETag.',
      current: saved,
    });
  }
  return saved;
}

async function saveActivation(tx: Tx, next: ActivationRow, version: number): Promise<ActivationRow> {
  const row = await tx.activation.update({
    where: { id: next.id },
    data: { extension: next.extension, version, order: next.order, values: valuesOf(next), updatedAt: await timeOf(tx) },
  });
  return toActivation(row);
}

async function othersThan(tx: Tx, id: string): Promise<ActivationRow[]> {
  return (await tx.activation.findMany({ where: { id: { not: id } } })).map(toActivation).sort(effectiveOrder);
}

async function timeOf(tx: Tx): Promise<Date> {
  const [row] = await tx.$queryRaw<{ now: Date }[]>`SELECT tenon_now() AS now`;
  if (row === undefined) throw new Error('the database answered no time');
  return row.now;
}

/** JSON that PostgreSQL can hold, typed as Prisma takes it. */
function stored(value: unknown): Prisma.InputJsonValue {
  return JSON.parse(toStorableJson(value)) as Prisma.InputJsonValue;
}

function revisionData(revision: RevisionRecord) {
  return {
    extension: revision.extension,
    revision: revision.revision,
    manifest: stored(revision.manifest),
    transport: stored(revision.transport),
    createdAt: new Date(revision.createdAt),
  };
}

/** What of an activation is only read back whole. */
function valuesOf({ id: _id, extension: _extension, version: _version, order: _order, createdAt: _created, updatedAt: _updated, ...values }: ActivationRow) {
  return stored(values);
}

type Values = Omit<ActivationRow, 'id' | 'extension' | 'version' | 'order' | 'createdAt' | 'updatedAt'>;

function toActivation(row: SavedActivation): ActivationRow {
  const values = row.values as unknown as Values;
  return {
    ...values,
    id: row.id,
    extension: row.extension,
    version: row.version,
    order: row.order,
    createdAt: row.createdAt.getTime(),
    updatedAt: row.updatedAt.getTime(),
  };
}

function toExtension(row: ExtensionRow): ExtensionRecord {
  return {
    name: row.name,
    source: row.source as ExtensionRecord['source'],
    latest: row.latest,
    killSwitch: row.killSwitch as unknown as ExtensionRecord['killSwitch'],
    createdAt: row.createdAt.getTime(),
    revisions: row.revisions.map((revision) => ({
      extension: revision.extension,
      revision: revision.revision,
      manifest: revision.manifest as unknown as RevisionRecord['manifest'],
      transport: revision.transport as unknown as RevisionRecord['transport'],
      createdAt: revision.createdAt.getTime(),
    })),
  };
}

function effectiveOrder(a: ActivationRow, b: ActivationRow): number {
  if (a.order !== b.order) return a.order - b.order;
  if (a.extension !== b.extension) return a.extension < b.extension ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

function unknownExtension(name: string): TenonError {
  return new TenonError('not_found', `No extension "${name}" is registered.`, { extension: name });
}

function nameTaken(name: string): TenonError {
  return new TenonError('extension_exists', `An extension named "${name}" is registered already.`, {
    extension: name,
    hint: 'Choose another name, or add a revision to the one that is there.',
  });
}

function revisionTaken(revision: RevisionRecord): TenonError {
  return new TenonError('extension_exists', `Revision ${revision.revision} of "${revision.extension}" exists already; a revision never changes.`, {
    extension: revision.extension,
    hint: 'Raise the revision in the manifest.',
  });
}
