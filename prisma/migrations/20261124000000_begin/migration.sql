-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "installation" (
    "one" INTEGER NOT NULL DEFAULT 1,
    "id" TEXT NOT NULL,
    "event_last" BIGINT NOT NULL DEFAULT 0,
    "event_floor" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "installation_pkey" PRIMARY KEY ("one")
);

-- CreateTable
CREATE TABLE "sandbox" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "workspace" TEXT NOT NULL,
    "driver" TEXT NOT NULL,
    "chain" JSONB NOT NULL,
    "state" TEXT NOT NULL,
    "state_reason" JSONB,
    "blocked_by" JSONB,
    "request" JSONB NOT NULL,
    "record" JSONB NOT NULL,
    "extensions" TEXT[],
    "sealed_revision" INTEGER,
    "sealed_at" TIMESTAMPTZ(3),
    "instance" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "deleted_at" TIMESTAMPTZ(3),
    "hidden" BOOLEAN NOT NULL DEFAULT false,
    "created_by" JSONB NOT NULL,

    CONSTRAINT "sandbox_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "run" (
    "id" TEXT NOT NULL,
    "opened" BIGSERIAL NOT NULL,
    "sandbox_id" TEXT,
    "sandbox_name" TEXT NOT NULL,
    "workspace" TEXT NOT NULL,
    "driver" TEXT NOT NULL,
    "operation" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "waiting_for" TEXT,
    "force" BOOLEAN NOT NULL DEFAULT false,
    "reason" TEXT,
    "actor" JSONB NOT NULL,
    "request_id" TEXT NOT NULL,
    "trace_id" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "first_error" JSONB,
    "cancelled_by" TEXT,
    "from_state" TEXT,
    "attempt_count" INTEGER NOT NULL DEFAULT 0,
    "steps" JSONB NOT NULL DEFAULT '[]',
    "preview" JSONB,
    "lease_holder" TEXT,
    "lease_token" BIGINT NOT NULL DEFAULT 1,
    "lease_until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "run_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "attempt" (
    "id" TEXT NOT NULL,
    "run_id" TEXT NOT NULL,
    "sandbox_id" TEXT,
    "parent_id" TEXT,
    "kind" TEXT NOT NULL,
    "phase" TEXT,
    "extension" TEXT,
    "revision" TEXT,
    "seq" INTEGER NOT NULL,
    "number" INTEGER NOT NULL,
    "outcome" TEXT NOT NULL,
    "reason" TEXT,
    "message" TEXT,
    "error" JSONB,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "duration_ms" DOUBLE PRECISION NOT NULL,
    "changes" JSONB NOT NULL,
    "effects" JSONB NOT NULL,
    "would_be_effects" JSONB NOT NULL,
    "warnings" JSONB NOT NULL,
    "logs" JSONB NOT NULL,
    "compensates" TEXT,
    "span_id" TEXT NOT NULL,

    CONSTRAINT "attempt_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "revision" (
    "run_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "sandbox_id" TEXT,
    "by" JSONB NOT NULL,
    "phase" TEXT,
    "digest" TEXT NOT NULL,
    "value" JSONB,
    "changes" JSONB NOT NULL,

    CONSTRAINT "revision_pkey" PRIMARY KEY ("run_id","number")
);

-- CreateTable
CREATE TABLE "effect" (
    "id" TEXT NOT NULL,
    "sandbox_id" TEXT NOT NULL,
    "run_id" TEXT NOT NULL,
    "workspace" TEXT NOT NULL,
    "driver" TEXT NOT NULL,
    "extension" TEXT,
    "revision" TEXT,
    "phase" TEXT,
    "attempt_id" TEXT,
    "kind" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "input" JSONB,
    "handle" JSONB,
    "scope" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "idempotency_key" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "attempts" INTEGER NOT NULL,
    "last_error" JSONB,
    "next_retry_at" TIMESTAMPTZ(3),
    "unanswered" BOOLEAN NOT NULL,
    "due" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "released_at" TIMESTAMPTZ(3),
    "waived_reason" TEXT,
    "claimed_until" TIMESTAMPTZ(3),

    CONSTRAINT "effect_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "extension_state" (
    "sandbox_id" TEXT NOT NULL,
    "extension" TEXT NOT NULL,
    "value" JSONB NOT NULL,

    CONSTRAINT "extension_state_pkey" PRIMARY KEY ("sandbox_id","extension")
);

-- CreateTable
CREATE TABLE "event" (
    "pk" BIGSERIAL NOT NULL,
    "first_id" BIGINT,
    "last_id" BIGINT,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "workspace" TEXT,
    "sandbox_id" TEXT,
    "run_id" TEXT,
    "count" INTEGER NOT NULL,
    "events" TEXT NOT NULL,

    CONSTRAINT "event_pkey" PRIMARY KEY ("pk")
);

-- CreateTable
CREATE TABLE "extension" (
    "name" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "latest" TEXT NOT NULL,
    "kill_switch" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "extension_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "extension_revision" (
    "extension" TEXT NOT NULL,
    "revision" TEXT NOT NULL,
    "position" BIGSERIAL NOT NULL,
    "manifest" JSONB NOT NULL,
    "transport" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "extension_revision_pkey" PRIMARY KEY ("extension","revision")
);

-- CreateTable
CREATE TABLE "activation" (
    "id" TEXT NOT NULL,
    "extension" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "order" INTEGER NOT NULL,
    "values" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "activation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "token" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "workspaces" JSONB,
    "claims" JSONB NOT NULL,
    "assert_claims" BOOLEAN NOT NULL,
    "hash" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "created_by" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "token_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "session" (
    "hash" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "token_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "session_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "audit" (
    "id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "object_kind" TEXT NOT NULL,
    "object_name" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "reason" TEXT,
    "before" JSONB,
    "after" JSONB,
    "request_id" TEXT NOT NULL,
    "run_ids" TEXT[],
    "workspace" TEXT,

    CONSTRAINT "audit_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "idempotency" (
    "place" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "begun_at" TIMESTAMPTZ(3) NOT NULL,
    "answer" JSONB,

    CONSTRAINT "idempotency_pkey" PRIMARY KEY ("place")
);

-- CreateTable
CREATE TABLE "lease" (
    "pool" TEXT NOT NULL,
    "item" TEXT NOT NULL,
    "sandbox_id" TEXT NOT NULL,
    "extension" TEXT NOT NULL,
    "key" TEXT NOT NULL,

    CONSTRAINT "lease_pkey" PRIMARY KEY ("pool","item")
);

-- CreateTable
CREATE TABLE "shared_thing" (
    "place" TEXT NOT NULL,
    "extension" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "generation" INTEGER NOT NULL DEFAULT 0,
    "state" TEXT NOT NULL DEFAULT 'absent',
    "input" JSONB,
    "handle" JSONB,
    "holders" JSONB NOT NULL DEFAULT '[]',
    "token" BIGINT NOT NULL DEFAULT 0,
    "locked" BOOLEAN NOT NULL DEFAULT false,
    "until" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "shared_thing_pkey" PRIMARY KEY ("place")
);

-- CreateTable
CREATE TABLE "secret" (
    "id" TEXT NOT NULL,
    "owner_kind" TEXT NOT NULL,
    "owner_id" TEXT NOT NULL,
    "nonce" BYTEA NOT NULL,
    "tag" BYTEA NOT NULL,
    "text" BYTEA NOT NULL,

    CONSTRAINT "secret_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "sandbox_page" ON "sandbox"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "sandbox_workspace_page" ON "sandbox"("workspace", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "sandbox_extensions" ON "sandbox" USING GIN ("extensions");

-- CreateIndex
CREATE INDEX "run_page" ON "run"("started_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "run_sandbox_page" ON "run"("sandbox_id", "started_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "run_workspace_page" ON "run"("workspace", "started_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "run_sandbox_opened" ON "run"("sandbox_id", "opened" DESC);

-- CreateIndex
CREATE INDEX "attempt_page" ON "attempt"("run_id", "seq", "id");

-- CreateIndex
CREATE INDEX "revision_sandbox" ON "revision"("sandbox_id");

-- CreateIndex
CREATE INDEX "effect_page" ON "effect"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "effect_sandbox" ON "effect"("sandbox_id", "seq");

-- CreateIndex
CREATE INDEX "effect_run" ON "effect"("run_id", "seq");

-- CreateIndex
CREATE INDEX "event_last_id" ON "event"("last_id");

-- CreateIndex
CREATE INDEX "event_at" ON "event"("at");

-- CreateIndex
CREATE INDEX "activation_extension" ON "activation"("extension");

-- CreateIndex
CREATE UNIQUE INDEX "token_hash_key" ON "token"("hash");

-- CreateIndex
CREATE INDEX "token_page" ON "token"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "audit_page" ON "audit"("at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "audit_runs" ON "audit" USING GIN ("run_ids");

-- CreateIndex
CREATE UNIQUE INDEX "lease_pool_sandbox_id_extension_key_key" ON "lease"("pool", "sandbox_id", "extension", "key");

-- CreateIndex
CREATE INDEX "secret_owner" ON "secret"("owner_kind", "owner_id");

-- AddForeignKey
ALTER TABLE "extension_revision" ADD CONSTRAINT "extension_revision_extension_fkey" FOREIGN KEY ("extension") REFERENCES "extension"("name") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "activation" ADD CONSTRAINT "activation_extension_fkey" FOREIGN KEY ("extension") REFERENCES "extension"("name") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "session" ADD CONSTRAINT "session_token_id_fkey" FOREIGN KEY ("token_id") REFERENCES "token"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- What Prisma's language cannot say: partial and expression indexes, storage, and the journal's hot paths as functions, so that
-- a commit is one statement and one round trip.

CREATE UNIQUE INDEX "sandbox_name_taken" ON "sandbox"("workspace", "name") WHERE "state" NOT IN ('deleted', 'failed');
CREATE INDEX "sandbox_driver_live" ON "sandbox"("driver", "state") WHERE "state" <> 'deleted' AND NOT "hidden";
CREATE INDEX "sandbox_gone" ON "sandbox"("deleted_at") WHERE "state" = 'deleted' OR "hidden";
CREATE INDEX "run_active" ON "run"("sandbox_id", "opened" DESC) WHERE "status" IN ('running', 'waiting', 'interrupted');
CREATE INDEX "run_ended" ON "run"("ended_at") WHERE "ended_at" IS NOT NULL;
CREATE INDEX "run_request" ON "run"("opened" DESC) WHERE "operation" IN ('create', 'preview');
CREATE INDEX "run_code" ON "run"(("first_error"->>'code'), "started_at" DESC, "id" DESC) WHERE "first_error" IS NOT NULL;
-- Keys come from extensions and may be long: their digest is what is unique.
CREATE UNIQUE INDEX "effect_identity" ON "effect"("sandbox_id", (coalesce("extension", '')), "kind", md5("key")) WHERE "state" NOT IN ('released', 'waived');
CREATE INDEX "effect_due" ON "effect"("next_retry_at") WHERE "next_retry_at" IS NOT NULL;
CREATE INDEX "effect_owed" ON "effect"("sandbox_id") WHERE "state" = 'owed';
CREATE INDEX "event_unplaced" ON "event"("pk") WHERE "last_id" IS NULL;

-- Rows that are written several times leave room for their next versions beside them.
ALTER TABLE "run" SET (fillfactor = 70);
ALTER TABLE "sandbox" SET (fillfactor = 80);
ALTER TABLE "effect" SET (fillfactor = 80);
-- Lives for a day and is read once: not worth compressing.
ALTER TABLE "event" ALTER COLUMN "events" SET STORAGE EXTERNAL;

-- The store's clock. Milliseconds, cut, so that what is written is what a page's cursor says.
CREATE FUNCTION tenon_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS $$ SELECT date_trunc('milliseconds', clock_timestamp()) $$;

CREATE FUNCTION tenon_at(ms double precision) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT to_timestamp(ms / 1000.0) $$;

CREATE FUNCTION tenon_later(ms bigint) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT clock_timestamp() + ms * interval '1 millisecond' $$;

CREATE FUNCTION tenon_tell(p_workspace text, p_sandbox text, p_run text, p_count int, p_events text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF p_count = 0 THEN RETURN; END IF;
  INSERT INTO event (at, workspace, sandbox_id, run_id, count, events) VALUES (tenon_now(), p_workspace, p_sandbox, p_run, p_count, p_events);
END $$;

-- Gives every event that is committed and has no place yet the next ids, and answers the newest id. All ids are given under the one
-- row lock, held until this transaction commits: so a reader that has seen an id has seen every smaller one.
CREATE FUNCTION tenon_sequence_events() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_last bigint;
  v_added bigint;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM event WHERE last_id IS NULL) THEN
    SELECT event_last INTO v_last FROM installation;
    RETURN v_last;
  END IF;
  SELECT event_last INTO v_last FROM installation FOR UPDATE;
  WITH placed AS (
    SELECT pk, count, sum(count) OVER (ORDER BY pk) AS upto FROM event WHERE last_id IS NULL
  ), moved AS (
    UPDATE event SET first_id = v_last + placed.upto - placed.count + 1, last_id = v_last + placed.upto
    FROM placed WHERE event.pk = placed.pk AND event.last_id IS NULL
    RETURNING event.count
  )
  SELECT coalesce(sum(count), 0) INTO v_added FROM moved;
  IF v_added > 0 THEN
    v_last := v_last + v_added;
    UPDATE installation SET event_last = v_last;
  END IF;
  RETURN v_last;
END $$;

CREATE FUNCTION tenon_insert_run(p jsonb, p_holder text, p_lease_ms bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO run (id, sandbox_id, sandbox_name, workspace, driver, operation, status, waiting_for, force, reason, actor, request_id, trace_id,
                   started_at, ended_at, first_error, cancelled_by, from_state, steps, preview, lease_holder, lease_until)
  SELECT r."id", r."sandboxId", r."sandboxName", r."workspace", r."driver", r."operation", r."status", r."waitingFor", r."force", r."reason", r."actor", r."requestId",
         r."traceId", tenon_now(), tenon_at(r."endedAt"), r."firstError", r."cancelledBy", r."fromState", r."steps", r."preview", p_holder, tenon_later(p_lease_ms)
  FROM jsonb_to_record(p) AS r("id" text, "sandboxId" text, "sandboxName" text, "workspace" text, "driver" text, "operation" text, "status" text, "waitingFor" text,
       "force" boolean, "reason" text, "actor" jsonb, "requestId" text, "traceId" text, "endedAt" double precision, "firstError" jsonb, "cancelledBy" text,
       "fromState" text, "steps" jsonb, "preview" jsonb)
$$;

-- A create with its sandbox, or a dry run without one.
CREATE FUNCTION tenon_open(p_sandbox jsonb, p_run jsonb, p_holder text, p_lease_ms bigint, p_count int, p_events text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF p_sandbox IS NOT NULL THEN
    INSERT INTO sandbox (id, name, workspace, driver, chain, state, state_reason, blocked_by, request, record, extensions, sealed_revision, sealed_at, instance,
                         created_at, deleted_at, hidden, created_by)
    SELECT s."id", s."name", s."workspace", s."driver", s."chain", s."state", s."stateReason", s."blockedBy", s."request", s."record",
           ARRAY(SELECT jsonb_array_elements(s."record"->'extensions')->>'name'), s."sealedRevision", tenon_at(s."sealedAt"), s."instance",
           tenon_now(), tenon_at(s."deletedAt"), s."hidden", s."createdBy"
    FROM jsonb_to_record(p_sandbox) AS s("id" text, "name" text, "workspace" text, "driver" text, "chain" jsonb, "state" text, "stateReason" jsonb, "blockedBy" jsonb,
         "request" jsonb, "record" jsonb, "sealedRevision" int, "sealedAt" double precision, "instance" text, "deletedAt" double precision, "hidden" boolean, "createdBy" jsonb);
  END IF;
  PERFORM tenon_insert_run(p_run, p_holder, p_lease_ms);
  PERFORM tenon_tell(p_run->>'workspace', p_run->>'sandboxId', p_run->>'id', p_count, p_events);
END $$;

CREATE FUNCTION tenon_put_effects(p jsonb, p_workspace text, p_driver text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO effect (id, sandbox_id, run_id, workspace, driver, extension, revision, phase, attempt_id, kind, key, input, handle, scope, state, idempotency_key, seq,
                      attempts, last_error, next_retry_at, unanswered, due, created_at, released_at, waived_reason)
  SELECT e."id", e."sandboxId", e."runId", p_workspace, p_driver, e."extension", e."revision", e."phase", e."attemptId", e."kind", e."key", e."input", e."handle", e."scope",
         e."state", e."idempotencyKey", e."seq", e."attempts", e."lastError", tenon_at(e."nextRetryAt"), e."unanswered", e."due", tenon_now(), tenon_at(e."releasedAt"),
         e."waivedReason"
  FROM jsonb_to_recordset(p) AS e("id" text, "sandboxId" text, "runId" text, "extension" text, "revision" text, "phase" text, "attemptId" text, "kind" text, "key" text,
       "input" jsonb, "handle" jsonb, "scope" text, "state" text, "idempotencyKey" text, "seq" int, "attempts" int, "lastError" jsonb, "nextRetryAt" double precision,
       "unanswered" boolean, "due" text, "releasedAt" double precision, "waivedReason" text)
  ON CONFLICT (id) DO UPDATE SET
    run_id = excluded.run_id, extension = excluded.extension, revision = excluded.revision, phase = excluded.phase, attempt_id = excluded.attempt_id,
    kind = excluded.kind, key = excluded.key, input = excluded.input, handle = excluded.handle, scope = excluded.scope, state = excluded.state,
    idempotency_key = excluded.idempotency_key, seq = excluded.seq, attempts = excluded.attempts, last_error = excluded.last_error,
    next_retry_at = excluded.next_retry_at, unanswered = excluded.unanswered, due = excluded.due, released_at = excluded.released_at,
    waived_reason = excluded.waived_reason, claimed_until = NULL
$$;

CREATE FUNCTION tenon_read_attempts(p jsonb, p_run text) RETURNS SETOF attempt LANGUAGE sql STABLE AS $$
  SELECT a."id", p_run, a."sandboxId", a."parentId", a."kind", a."phase", a."extension", a."revision", a."seq", a."number", a."outcome", a."reason", a."message", a."error",
         to_timestamp(a."startedAt" / 1000.0), a."durationMs", a."changes", a."effects", a."wouldBeEffects", a."warnings", a."logs", a."compensates", a."spanId"
  FROM jsonb_to_recordset(p) AS a("id" text, "sandboxId" text, "parentId" text, "kind" text, "phase" text, "extension" text, "revision" text, "seq" int, "number" int,
       "outcome" text, "reason" text, "message" text, "error" jsonb, "startedAt" double precision, "durationMs" double precision, "changes" jsonb, "effects" jsonb,
       "wouldBeEffects" jsonb, "warnings" jsonb, "logs" jsonb, "compensates" text, "spanId" text)
$$;

-- Attempts are written once; only a commit repeated after a lost answer meets its own rows, and then writes over them. Answers the new ones.
CREATE FUNCTION tenon_put_attempts(p jsonb, p_run text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  v_fresh int;
BEGIN
  INSERT INTO attempt SELECT * FROM tenon_read_attempts(p, p_run);
  GET DIAGNOSTICS v_fresh = ROW_COUNT;
  RETURN v_fresh;
EXCEPTION WHEN unique_violation THEN
  WITH written AS (
    INSERT INTO attempt SELECT * FROM tenon_read_attempts(p, p_run)
    ON CONFLICT (id) DO UPDATE SET
      outcome = excluded.outcome, reason = excluded.reason, message = excluded.message, error = excluded.error, duration_ms = excluded.duration_ms,
      changes = excluded.changes, effects = excluded.effects, would_be_effects = excluded.would_be_effects, warnings = excluded.warnings, logs = excluded.logs,
      compensates = excluded.compensates
    RETURNING xmax = 0 AS fresh
  )
  SELECT count(*) FILTER (WHERE fresh) INTO v_fresh FROM written;
  RETURN v_fresh;
END $$;

-- One step, one entry: at the place where it began, in the state that it has now.
CREATE FUNCTION tenon_with_step(p_steps jsonb, p_step jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_steps @> jsonb_build_array(jsonb_build_object('name', p_step->'name')) THEN
      (SELECT jsonb_agg(CASE WHEN s->'name' = p_step->'name' THEN p_step ELSE s END ORDER BY place) FROM jsonb_array_elements(p_steps) WITH ORDINALITY AS known(s, place))
    ELSE p_steps || jsonb_build_array(p_step)
  END
$$;

-- The journal's one write: fenced, all or nothing. TN001: the lease is another's. TN002: an entry belongs to another sandbox.
-- Locks go sandbox, then run, as those of an opening run do. Attempts and events, the bulk of it, come as values of their own: cut out of
-- one big value they would be copied first.
CREATE FUNCTION tenon_commit(p_run text, p_holder text, p_token bigint, p jsonb, p_attempts jsonb, p_count int, p_events text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_run record;
  v_steps jsonb;
  v_fresh int := 0;
  v_now timestamptz := tenon_now();
  c jsonb := p->'run';
  s jsonb := p->'sandbox';
BEGIN
  IF s IS NOT NULL THEN PERFORM 1 FROM sandbox WHERE id = p->>'sandboxId' FOR NO KEY UPDATE; END IF;
  SELECT sandbox_id, workspace, driver, lease_holder, lease_token, steps INTO v_run FROM run WHERE id = p_run FOR NO KEY UPDATE;
  IF NOT FOUND OR v_run.lease_holder IS DISTINCT FROM p_holder OR v_run.lease_token <> p_token THEN
    RAISE EXCEPTION 'the lease of run % is another''s', p_run USING ERRCODE = 'TN001';
  END IF;
  IF p ? 'sandboxId' AND p->>'sandboxId' IS DISTINCT FROM v_run.sandbox_id THEN
    RAISE EXCEPTION 'run % wrote an entry of another sandbox, %', p_run, p->>'sandboxId' USING ERRCODE = 'TN002';
  END IF;
  IF p_attempts IS NOT NULL THEN v_fresh := tenon_put_attempts(p_attempts, p_run); END IF;
  IF p ? 'effects' THEN PERFORM tenon_put_effects(p->'effects', v_run.workspace, v_run.driver); END IF;
  IF p ? 'revisions' THEN
    INSERT INTO revision (run_id, number, sandbox_id, by, phase, digest, value, changes)
    SELECT p_run, r."number", r."sandboxId", r."by", r."phase", r."digest", r."value", r."changes"
    FROM jsonb_to_recordset(p->'revisions') AS r("number" int, "sandboxId" text, "by" jsonb, "phase" text, "digest" text, "value" jsonb, "changes" jsonb)
    ON CONFLICT (run_id, number) DO UPDATE SET by = excluded.by, phase = excluded.phase, digest = excluded.digest, value = excluded.value, changes = excluded.changes;
  END IF;
  IF p ? 'states' THEN
    INSERT INTO extension_state (sandbox_id, extension, value)
    SELECT v_run.sandbox_id, e."extension", e."value" FROM jsonb_to_recordset(p->'states') AS e("extension" text, "value" jsonb)
    ON CONFLICT (sandbox_id, extension) DO UPDATE SET value = excluded.value;
  END IF;
  IF s IS NOT NULL THEN
    UPDATE sandbox SET
      state = CASE WHEN s ? 'state' THEN s->>'state' ELSE state END,
      state_reason = CASE WHEN s ? 'stateReason' THEN nullif(s->'stateReason', 'null') ELSE state_reason END,
      blocked_by = CASE WHEN s ? 'blockedBy' THEN nullif(s->'blockedBy', 'null') ELSE blocked_by END,
      sealed_revision = CASE WHEN s ? 'sealedRevision' THEN (s->>'sealedRevision')::int ELSE sealed_revision END,
      sealed_at = CASE WHEN s ? 'sealedAt' THEN tenon_at((s->>'sealedAt')::double precision) ELSE sealed_at END,
      instance = CASE WHEN s ? 'instance' THEN s->>'instance' ELSE instance END,
      deleted_at = CASE
        WHEN s->>'deletedAt' IS NOT NULL THEN tenon_at((s->>'deletedAt')::double precision)
        WHEN s->>'state' = 'deleted' THEN coalesce(deleted_at, v_now)
        ELSE deleted_at END,
      hidden = CASE WHEN s ? 'hidden' THEN (s->>'hidden')::boolean ELSE hidden END,
      record = CASE WHEN s ? 'record' THEN s->'record' ELSE record END,
      extensions = CASE WHEN s ? 'record' THEN ARRAY(SELECT jsonb_array_elements(s->'record'->'extensions')->>'name') ELSE extensions END
    WHERE id = v_run.sandbox_id;
  END IF;
  IF c IS NOT NULL OR p ? 'steps' OR v_fresh > 0 THEN
    v_steps := v_run.steps;
    IF p ? 'steps' THEN
      FOR i IN 0 .. jsonb_array_length(p->'steps') - 1 LOOP v_steps := tenon_with_step(v_steps, p->'steps'->i); END LOOP;
    END IF;
    UPDATE run SET
      steps = v_steps,
      attempt_count = attempt_count + v_fresh,
      status = coalesce(c->>'status', status),
      waiting_for = CASE
        WHEN coalesce(c->>'status', status) NOT IN ('running', 'waiting', 'interrupted') THEN NULL
        WHEN c ? 'waitingFor' THEN c->>'waitingFor' ELSE waiting_for END,
      ended_at = CASE WHEN coalesce(c->>'status', status) NOT IN ('running', 'waiting', 'interrupted') THEN coalesce(ended_at, v_now) ELSE NULL END,
      first_error = CASE WHEN c ? 'firstError' THEN nullif(c->'firstError', 'null') ELSE first_error END,
      force = CASE WHEN c ? 'force' THEN (c->>'force')::boolean ELSE force END,
      preview = CASE WHEN c ? 'preview' THEN nullif(c->'preview', 'null') ELSE preview END
    WHERE id = p_run;
  END IF;
  PERFORM tenon_tell(v_run.workspace, v_run.sandbox_id, p_run, p_count, p_events);
END $$;

-- Opens a run of a sandbox whose row the caller has locked; tells the run that it supersedes.
CREATE FUNCTION tenon_open_run(p_run jsonb, p_holder text, p_lease_ms bigint, p_supersedes text, p_state text, p_count int, p_events text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF p_supersedes IS NOT NULL THEN UPDATE run SET cancelled_by = p_run->>'id' WHERE id = p_supersedes; END IF;
  PERFORM tenon_insert_run(p_run, p_holder, p_lease_ms);
  IF p_state IS NOT NULL THEN UPDATE sandbox SET state = p_state WHERE id = p_run->>'sandboxId'; END IF;
  PERFORM tenon_tell(p_run->>'workspace', p_run->>'sandboxId', p_run->>'id', p_count, p_events);
END $$;

CREATE FUNCTION tenon_run_event(r run) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_array(jsonb_build_object('type', 'run', 'data', jsonb_build_object(
    'id', r.id, 'operation', r.operation, 'status', r.status, 'waitingFor', r.waiting_for, 'cancelledBy', r.cancelled_by)))::text
$$;

-- Sets one thing of a run outside its own commits, and tells it.
CREATE FUNCTION tenon_mark_run(p_id text, p_status text, p_force boolean) RETURNS SETOF run LANGUAGE plpgsql AS $$
DECLARE
  r run;
BEGIN
  UPDATE run SET status = coalesce(p_status, status), waiting_for = CASE WHEN p_status IS NULL THEN waiting_for ELSE NULL END, force = coalesce(p_force, force)
  WHERE id = p_id RETURNING * INTO r;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM tenon_tell(r.workspace, r.sandbox_id, r.id, 1, tenon_run_event(r));
  RETURN NEXT r;
END $$;

CREATE FUNCTION tenon_expired_runs(p_limit int) RETURNS SETOF run LANGUAGE plpgsql AS $$
DECLARE
  r run;
BEGIN
  FOR r IN
    SELECT * FROM run WHERE status IN ('running', 'waiting', 'interrupted') AND lease_until <= clock_timestamp() ORDER BY opened LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
  LOOP
    IF r.status <> 'interrupted' THEN SELECT * INTO r FROM tenon_mark_run(r.id, 'interrupted', NULL); END IF;
    RETURN NEXT r;
  END LOOP;
END $$;

-- Renewing a lease that was thought lost, but that nobody took, puts the run back to work.
CREATE FUNCTION tenon_renew(p_run text, p_holder text, p_token bigint, p_lease_ms bigint) RETURNS SETOF run LANGUAGE plpgsql AS $$
DECLARE
  r run;
BEGIN
  UPDATE run SET lease_until = tenon_later(p_lease_ms) WHERE id = p_run AND lease_holder = p_holder AND lease_token = p_token RETURNING * INTO r;
  IF NOT FOUND THEN RETURN; END IF;
  IF r.status = 'interrupted' THEN SELECT * INTO r FROM tenon_mark_run(p_run, 'running', NULL); END IF;
  RETURN NEXT r;
END $$;

CREATE FUNCTION tenon_settle(p_effect jsonb, p_expected text, p_count int, p_events text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_sandbox record;
BEGIN
  SELECT s.id, s.workspace, s.driver INTO v_sandbox FROM effect e JOIN sandbox s ON s.id = e.sandbox_id WHERE e.id = p_effect->>'id' FOR NO KEY UPDATE OF s;
  IF NOT FOUND OR EXISTS (SELECT 1 FROM run WHERE sandbox_id = v_sandbox.id AND status IN ('running', 'waiting', 'interrupted')) THEN RETURN false; END IF;
  PERFORM 1 FROM effect WHERE id = p_effect->>'id' AND state = p_expected FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM tenon_put_effects(jsonb_build_array(p_effect), v_sandbox.workspace, v_sandbox.driver);
  PERFORM tenon_tell(v_sandbox.workspace, v_sandbox.id, p_effect->>'runId', p_count, p_events);
  RETURN true;
END $$;

INSERT INTO "installation" ("one", "id") VALUES (1, gen_random_uuid()::text);
