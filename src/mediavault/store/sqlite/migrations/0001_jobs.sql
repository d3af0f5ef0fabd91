-- Jobs, their history and the workers' signs of life.
-- Times are INTEGER microseconds since 1970-01-01T00:00Z, sizes bytes, durations seconds (duration_ms: milliseconds).

CREATE TABLE jobs (
  seq                      INTEGER PRIMARY KEY,   -- internal: short key for history and indexes
  id                       TEXT    NOT NULL,
  trace_id                 TEXT    NOT NULL,
  post_url                 TEXT    NOT NULL,
  canonical_url            TEXT    NOT NULL,
  platform                 TEXT    NOT NULL,
  status                   TEXT    NOT NULL DEFAULT 'queued'
    CHECK (status IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
  created_at               INTEGER NOT NULL,
  updated_at               INTEGER NOT NULL,
  version                  INTEGER NOT NULL DEFAULT 1,
  attempt_count            INTEGER NOT NULL DEFAULT 0,
  max_attempts             INTEGER NOT NULL,
  started_at               INTEGER,
  completed_at             INTEGER,
  failed_at                INTEGER,
  claimed_by               TEXT,
  lease_expires_at         INTEGER,               -- 0: ended before its time, the worker is known to be dead
  retry_at                 INTEGER,
  progress_pct             INTEGER NOT NULL DEFAULT 0,
  stage                    TEXT,
  bytes_done               INTEGER NOT NULL DEFAULT 0,
  bytes_total              INTEGER,
  source_type              TEXT    NOT NULL DEFAULT 'unknown',
  extracted_url            TEXT,
  extracted_url_expires_at INTEGER,
  output_path              TEXT,
  thumbnail_url            TEXT,
  thumbnail_path           TEXT,
  bytes                    INTEGER,
  sha256                   TEXT,
  duration_s               REAL,
  width                    INTEGER,
  height                   INTEGER,
  error_code               TEXT,
  error                    TEXT,
  account                  TEXT,                  -- JSON object
  search_text              TEXT    NOT NULL,      -- post_url, title, handle, display name: case-folded, a line each
  candidates               TEXT    NOT NULL DEFAULT '[]',  -- JSON; the long columns last, so that the others are
  image_urls               TEXT    NOT NULL DEFAULT '[]',  -- read without their overflow pages
  metadata                 TEXT    NOT NULL DEFAULT '{}',
  CHECK ((status = 'running') = (lease_expires_at IS NOT NULL)),
  CHECK ((status = 'running') = (claimed_by IS NOT NULL)),
  CHECK (retry_at IS NULL OR status = 'failed')
) STRICT;

CREATE UNIQUE INDEX jobs_id   ON jobs (id);
CREATE UNIQUE INDEX jobs_post ON jobs (canonical_url, version);

-- The queue. ``platform`` is in it so that claims skip closed platforms without reading their rows.
CREATE INDEX jobs_ready     ON jobs (created_at, id, platform) WHERE status = 'queued';
-- Waiting for a later try is not ready: a hundred thousand of them at the head would be read by every claim.
CREATE INDEX jobs_due       ON jobs (retry_at)       WHERE retry_at IS NOT NULL;
CREATE INDEX jobs_running   ON jobs (claimed_by)     WHERE status = 'running';

-- The list, newest first; the partial ones find the few among very many.
CREATE INDEX jobs_created   ON jobs (created_at, id);
CREATE INDEX jobs_failed    ON jobs (created_at, id) WHERE status = 'failed';
CREATE INDEX jobs_cancelled ON jobs (created_at, id) WHERE status = 'cancelled';
CREATE INDEX jobs_updated   ON jobs (updated_at);

-- Append-only. ``job`` is jobs.seq.
CREATE TABLE history (
  id          INTEGER PRIMARY KEY,
  job         INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  attempt     INTEGER NOT NULL,
  stage       TEXT    NOT NULL,
  outcome     TEXT    NOT NULL,
  rung        TEXT,
  error_code  TEXT,
  detail      TEXT    NOT NULL DEFAULT '',
  bytes       INTEGER NOT NULL DEFAULT 0,
  duration_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX history_job ON history (job, id);

CREATE TABLE workers (
  worker       TEXT    PRIMARY KEY,
  host         TEXT    NOT NULL,
  pid          INTEGER NOT NULL,
  version      TEXT    NOT NULL,
  started_at   INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  running_jobs INTEGER NOT NULL,
  skipped_ticks INTEGER NOT NULL,
  missed_beats INTEGER NOT NULL,
  draining     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
