-- Jobs, their history, the workers' signs of life, the sites' gates, and what all processes agree on.
-- Times are bigint microseconds since 1970-01-01T00:00Z by the database's clock, sizes bytes, durations seconds
-- (duration_ms: milliseconds): the same rows as in the SQLite store. mediavault.readable_jobs shows them as times.

CREATE TABLE mediavault.jobs (
  seq                      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- internal: short key for history
  id                       text COLLATE "C" NOT NULL,
  trace_id                 text NOT NULL,
  post_url                 text NOT NULL,
  canonical_url            text COLLATE "C" NOT NULL,
  platform                 text COLLATE "C" NOT NULL,
  status                   text COLLATE "C" NOT NULL DEFAULT 'queued'
    CHECK (status IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
  created_at               bigint NOT NULL,
  updated_at               bigint NOT NULL,
  version                  integer NOT NULL DEFAULT 1,
  attempt_count            integer NOT NULL DEFAULT 0,
  max_attempts             integer NOT NULL,
  started_at               bigint,
  completed_at             bigint,
  failed_at                bigint,
  claimed_by               text,
  lease_expires_at         bigint,               -- 0: ended before its time, the worker is known to be dead
  retry_at                 bigint,
  progress_pct             integer NOT NULL DEFAULT 0,
  stage                    text,
  bytes_done               bigint NOT NULL DEFAULT 0,
  bytes_total              bigint,
  source_type              text NOT NULL DEFAULT 'unknown',
  extracted_url            text,
  extracted_url_expires_at bigint,
  output_path              text,
  thumbnail_url            text,
  thumbnail_path           text,
  bytes                    bigint,
  sha256                   text,
  duration_s               double precision,
  width                    integer,
  height                   integer,
  error_code               text,
  error                    text,
  account                  text,                 -- JSON object
  search_text              text NOT NULL,        -- post_url, title, handle, display name: case-folded, a line each
  chosen_url               text,
  candidates               text NOT NULL DEFAULT '[]',  -- JSON
  image_urls               text NOT NULL DEFAULT '[]',
  metadata                 text NOT NULL DEFAULT '{}',
  items                    text NOT NULL DEFAULT '[]',
  CHECK ((status = 'running') = (lease_expires_at IS NOT NULL)),
  CHECK ((status = 'running') = (claimed_by IS NOT NULL)),
  CHECK (retry_at IS NULL OR status = 'failed')
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

CREATE UNIQUE INDEX jobs_id   ON mediavault.jobs (id);
CREATE UNIQUE INDEX jobs_post ON mediavault.jobs (canonical_url, version);

-- The queue. Waiting for a later try is not ready: a hundred thousand of them at the head would be read by every claim.
-- Claims look for it platform by platform, so that jobs whose site has no turn cost them nothing.
CREATE INDEX jobs_ready     ON mediavault.jobs (platform, created_at, id) WHERE status = 'queued';
CREATE INDEX jobs_due       ON mediavault.jobs (retry_at)       WHERE retry_at IS NOT NULL;
-- Not on the lease: renewals then stay within their page (heap-only tuples).
CREATE INDEX jobs_running   ON mediavault.jobs (claimed_by)     WHERE status = 'running';

-- The list, newest first; the partial ones find the few among very many.
CREATE INDEX jobs_created   ON mediavault.jobs (created_at, id);
CREATE INDEX jobs_failed    ON mediavault.jobs (created_at, id) WHERE status = 'failed';
CREATE INDEX jobs_cancelled ON mediavault.jobs (created_at, id) WHERE status = 'cancelled';
-- Asked for the last seconds only. Every write changes it, and a B-tree would take an entry of each.
CREATE INDEX jobs_updated   ON mediavault.jobs USING brin (updated_at) WITH (pages_per_range = 16);

-- Append-only. ``job`` is jobs.seq; no foreign key, since each one would lock the job's row for every record.
CREATE TABLE mediavault.history (
  id          bigint GENERATED ALWAYS AS IDENTITY,
  job         bigint  NOT NULL,
  at          bigint  NOT NULL,
  attempt     integer NOT NULL,
  stage       text    NOT NULL,
  outcome     text    NOT NULL,
  rung        text,
  error_code  text,
  detail      text    NOT NULL DEFAULT '',
  bytes       bigint  NOT NULL DEFAULT 0,
  duration_ms bigint  NOT NULL DEFAULT 0,
  PRIMARY KEY (job, id)
);

CREATE TABLE mediavault.workers (
  worker        text PRIMARY KEY,
  host          text    NOT NULL,
  pid           integer NOT NULL,
  version       text    NOT NULL,
  started_at    bigint  NOT NULL,
  last_seen_at  bigint  NOT NULL,
  running_jobs  integer NOT NULL,
  skipped_ticks bigint  NOT NULL,
  missed_beats  bigint  NOT NULL,
  draining      integer NOT NULL
);

CREATE TABLE mediavault.gates (
  platform      text COLLATE "C" PRIMARY KEY,
  closed_until  bigint,
  probing_until bigint,
  strikes       integer NOT NULL,
  code          text,
  reason        text    NOT NULL,
  next_turn_at  bigint,
  offered_until bigint,
  account_posts text    NOT NULL DEFAULT '[]',   -- JSON: job and microseconds, oldest first
  account_cap   integer
);

CREATE TABLE mediavault.agreed (
  name  text PRIMARY KEY,
  value text NOT NULL
);

CREATE VIEW mediavault.readable_jobs AS
SELECT id, post_url, platform, status, error_code, error, attempt_count, claimed_by, output_path,
       to_timestamp(created_at / 1e6) AS created_at, to_timestamp(updated_at / 1e6) AS updated_at,
       to_timestamp(nullif(lease_expires_at, 0) / 1e6) AS lease_expires_at, to_timestamp(retry_at / 1e6) AS retry_at
  FROM mediavault.jobs;
