-- The schema of version 15, as mediavault had it at commit db2ba8cd.

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
  candidates               TEXT    NOT NULL DEFAULT '[]',  -- JSON; the long columns last, so that the others are
  image_urls               TEXT    NOT NULL DEFAULT '[]',  -- read without their overflow pages
  metadata                 TEXT    NOT NULL DEFAULT '{}', items TEXT NOT NULL DEFAULT '[]', chosen_url TEXT, needs_session INTEGER NOT NULL DEFAULT 0, account_key TEXT, error_params  TEXT, profile TEXT, priority INTEGER NOT NULL DEFAULT 1,
  CHECK ((status = 'running') = (lease_expires_at IS NOT NULL)),
  CHECK ((status = 'running') = (claimed_by IS NOT NULL)),
  CHECK (retry_at IS NULL OR status = 'failed')
) STRICT;
CREATE UNIQUE INDEX jobs_id   ON jobs (id);
CREATE UNIQUE INDEX jobs_post ON jobs (canonical_url, version);
CREATE INDEX jobs_ready     ON jobs (created_at, id, platform) WHERE status = 'queued';
CREATE INDEX jobs_due       ON jobs (retry_at)       WHERE retry_at IS NOT NULL;
CREATE INDEX jobs_running   ON jobs (claimed_by)     WHERE status = 'running';
CREATE INDEX jobs_updated   ON jobs (updated_at);
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
, detail_params TEXT) STRICT;
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
, platforms TEXT NOT NULL DEFAULT '', signed_in TEXT NOT NULL DEFAULT '', leaving INTEGER NOT NULL DEFAULT 0, tally   TEXT    NOT NULL DEFAULT '') STRICT, WITHOUT ROWID;
CREATE TABLE gates (
  platform      TEXT    PRIMARY KEY,
  closed_until  INTEGER,
  probing_until INTEGER,
  strikes       INTEGER NOT NULL,
  code          TEXT,
  reason        TEXT    NOT NULL,
  next_turn_at  INTEGER
, offered_until INTEGER, account_posts TEXT NOT NULL DEFAULT '[]', account_cap INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE agreed (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_not_understood ON jobs (failed_at, platform) WHERE status = 'failed' AND error_code = 'EXTRACTOR_BROKEN';
CREATE TABLE records (
  kind       TEXT    NOT NULL,
  key        TEXT    NOT NULL,
  value      TEXT    NOT NULL,  -- a JSON object, its names in order
  updated_at INTEGER NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_expiring ON records (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX jobs_created  ON jobs (created_at, id, status, duration_s);
CREATE INDEX jobs_platform ON jobs (platform, created_at, id, status, duration_s);
CREATE INDEX jobs_account  ON jobs (account_key, created_at, id, status, platform, duration_s, bytes)
 WHERE account_key IS NOT NULL;
CREATE INDEX jobs_longest  ON jobs (coalesce(duration_s, -1), created_at, id, status, platform, duration_s);
CREATE INDEX jobs_largest  ON jobs (coalesce(bytes, -1), created_at, id, status, platform, duration_s);
CREATE INDEX jobs_failed    ON jobs (created_at, id, platform) WHERE status = 'failed';
CREATE INDEX jobs_cancelled ON jobs (created_at, id, platform) WHERE status = 'cancelled';
CREATE VIRTUAL TABLE library_words USING fts5
  (line, content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2');
CREATE TABLE library_accounts (
  key          TEXT    PRIMARY KEY,          -- platform/slug
  platform     TEXT    NOT NULL,
  slug         TEXT    NOT NULL,
  handle       TEXT,                         -- as the newest job has it
  display_name TEXT,
  line         TEXT    NOT NULL DEFAULT '',  -- the words of both
  jobs         INTEGER NOT NULL,
  kept         INTEGER NOT NULL,             -- completed jobs; bytes and duration_ms are theirs
  bytes        INTEGER NOT NULL,
  duration_ms  INTEGER NOT NULL,
  latest_at    INTEGER NOT NULL DEFAULT 0    -- created_at of the newest job
) STRICT, WITHOUT ROWID;
CREATE INDEX library_accounts_latest   ON library_accounts (latest_at DESC, key);
CREATE INDEX library_accounts_platform ON library_accounts (platform, latest_at DESC, key);
CREATE TABLE library_totals (
  platform    TEXT    PRIMARY KEY,
  kept        INTEGER NOT NULL,
  bytes       INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE marks (
  name  TEXT    NOT NULL,  -- as core/marks.py writes it
  job   INTEGER NOT NULL,  -- jobs.seq
  place INTEGER NOT NULL,  -- among the marks of that name; where nothing else was asked for, microseconds since 1970
  text  TEXT    NOT NULL,
  PRIMARY KEY (name, job)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_job   ON marks (job);
CREATE INDEX marks_place ON marks (name, place);
CREATE TABLE job_words (
  job    INTEGER NOT NULL,  -- jobs.seq
  source TEXT    NOT NULL,  -- as WordSource in store/search_words.py
  line   TEXT    NOT NULL,
  PRIMARY KEY (job, source)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER job_words_removed AFTER DELETE ON jobs BEGIN
  DELETE FROM job_words WHERE job = old.seq;
END;
CREATE INDEX jobs_turns ON jobs (platform, needs_session, priority, created_at, id) WHERE status = 'queued';
PRAGMA application_id = 0x6d766c74;
PRAGMA user_version = 15;
