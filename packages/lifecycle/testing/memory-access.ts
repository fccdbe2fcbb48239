import { randomUUID } from 'node:crypto';
import { TenonError } from '../src/errors.ts';
import type { AccessStore, AuditFilter, EventStore, Page, Paged, Visible } from '../src/ports/store.ts';
import type { AuditRecord, EventRecord, SessionRecord, TokenRecord } from '../src/records.ts';
import { copy, isVisible, isWithin, MemoryTables, newestFirst } from './memory-tables.ts';

const DAY_MS = 24 * 3_600_000;
/** Longer than any request waits: a key still in flight after it belongs to a process that died. */
const IN_FLIGHT_MS = 15 * 60_000;

/** Events, tokens, sessions, audit and idempotency keys of the memory store. */
export class MemoryAccess extends MemoryTables implements EventStore, AccessStore {
  async eventsAfter(id: string | null, limit: number, visible: Visible): ReturnType<EventStore['eventsAfter']> {
    const newest = this.newestEvent === 0 ? null : String(this.newestEvent);
    if (id === null) return { reset: false, last: newest, events: [] };
    const after = /^\d{1,18}$/.test(id) ? Number(id) : -1;
    if (after < this.prunedEvent || after > this.newestEvent) return { reset: true, last: newest, events: [] };
    const seen = this.events.filter((event) => Number(event.id) > after && (event.workspace === null || isVisible(visible, event.workspace)));
    const events = seen.slice(0, limit);
    return { reset: false, last: (seen.length > limit ? events.at(-1)?.id : newest) ?? id, events: copy(events) };
  }

  async addEvent(event: Omit<EventRecord, 'id' | 'at'>): Promise<void> {
    this.emit([event]);
  }

  async addToken(token: TokenRecord): Promise<void> {
    if (this.tokens.has(token.id) || [...this.tokens.values()].some((other) => other.hash === token.hash)) {
      throw new TenonError('internal', `A token with the id ${token.id} or its hash exists already.`);
    }
    this.tokens.set(token.id, copy({ ...token, createdAt: this.clock.now() }));
  }

  async listTokens(page: Page): Promise<Paged<TokenRecord>> {
    return newestFirst('tokens', [...this.tokens.values()], (token) => ({ at: token.createdAt, id: token.id }), page);
  }

  async getToken(id: string): Promise<TokenRecord | null> {
    return copy(this.tokens.get(id) ?? null);
  }

  async tokenByHash(hash: string): Promise<TokenRecord | null> {
    return copy([...this.tokens.values()].find((token) => token.hash === hash) ?? null);
  }

  async revokeToken(id: string, at: number): Promise<boolean> {
    const token = this.tokens.get(id);
    if (token === undefined || token.revokedAt !== null) return false;
    this.tokens.set(id, { ...token, revokedAt: at });
    return true;
  }

  async countTokens(): Promise<number> {
    return this.tokens.size;
  }

  async addSession(session: SessionRecord): Promise<void> {
    if (!this.tokens.has(session.tokenId)) throw new TenonError('not_found', `There is no token ${session.tokenId} for a session.`);
    this.sessions.set(session.hash, copy(session));
  }

  async sessionByHash(hash: string): Promise<{ readonly session: SessionRecord; readonly token: TokenRecord } | null> {
    const session = this.sessions.get(hash);
    const token = session === undefined ? undefined : this.tokens.get(session.tokenId);
    return session === undefined || token === undefined ? null : copy({ session, token });
  }

  async removeSession(hash: string): Promise<void> {
    this.sessions.delete(hash);
  }

  async addAudit(record: Omit<AuditRecord, 'id' | 'at'>): Promise<void> {
    this.audit.push(copy({ ...record, id: randomUUID(), at: this.clock.now() }));
  }

  async listAudit(filter: AuditFilter, page: Page): Promise<Paged<AuditRecord>> {
    const rows = this.audit.filter(
      (row) =>
        isVisible(filter.visible, row.workspace) &&
        (filter.actor === undefined || row.actor === filter.actor) &&
        (filter.action === undefined || row.action === filter.action) &&
        (filter.objectKind === undefined || row.object.kind === filter.objectKind) &&
        (filter.objectName === undefined || row.object.name === filter.objectName) &&
        (filter.runId === undefined || row.runIds.includes(filter.runId)) &&
        isWithin(row.at, filter.from, filter.to),
    );
    return newestFirst('audit', rows, (row) => ({ at: row.at, id: row.id }), page);
  }

  async beginIdempotent(key: string, scope: string, bodyDigest: string): ReturnType<AccessStore['beginIdempotent']> {
    const place = JSON.stringify([scope, key]);
    const now = this.clock.now();
    const row = this.idempotency.get(place);
    const kept = row !== undefined && now - row.begunAt < (row.answer === null ? IN_FLIGHT_MS : DAY_MS);
    if (!kept) {
      this.idempotency.set(place, { digest: bodyDigest, begunAt: now, answer: null });
      return { state: 'new' };
    }
    if (row.digest !== bodyDigest) return { state: 'other' };
    return row.answer === null ? { state: 'busy' } : { state: 'done', ...copy(row.answer) };
  }

  async endIdempotent(key: string, scope: string, answer: Parameters<AccessStore['endIdempotent']>[2]): Promise<void> {
    const place = JSON.stringify([scope, key]);
    const row = this.idempotency.get(place);
    if (row === undefined) return;
    if (answer === null) this.idempotency.delete(place);
    else row.answer = copy(answer);
  }
}
