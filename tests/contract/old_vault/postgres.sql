-- The schema of version 13, as mediavault had it at commit db2ba8cd, without what it had made and dropped again.

CREATE SCHEMA mediavault;
CREATE TABLE mediavault.schema_version (version integer NOT NULL, oldest_code integer NOT NULL);
INSERT INTO mediavault.schema_version VALUES (13, 8);

CREATE TABLE mediavault.jobs (
  seq                      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
  lease_expires_at         bigint,
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
  account                  text,
  chosen_url               text,
  candidates               text NOT NULL DEFAULT '[]',
  image_urls               text NOT NULL DEFAULT '[]',
  metadata                 text NOT NULL DEFAULT '{}',
  items                    text NOT NULL DEFAULT '[]',
  CHECK ((status = 'running') = (lease_expires_at IS NOT NULL)),
  CHECK ((status = 'running') = (claimed_by IS NOT NULL)),
  CHECK (retry_at IS NULL OR status = 'failed')
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

CREATE UNIQUE INDEX jobs_id   ON mediavault.jobs (id);
CREATE UNIQUE INDEX jobs_post ON mediavault.jobs (canonical_url, version);

CREATE INDEX jobs_ready     ON mediavault.jobs (platform, created_at, id) WHERE status = 'queued';
CREATE INDEX jobs_due       ON mediavault.jobs (retry_at)       WHERE retry_at IS NOT NULL;
CREATE INDEX jobs_running   ON mediavault.jobs (claimed_by)     WHERE status = 'running';

CREATE INDEX jobs_created   ON mediavault.jobs (created_at, id);
CREATE INDEX jobs_failed    ON mediavault.jobs (created_at, id) WHERE status = 'failed';
CREATE INDEX jobs_cancelled ON mediavault.jobs (created_at, id) WHERE status = 'cancelled';
CREATE INDEX jobs_updated   ON mediavault.jobs USING brin (updated_at) WITH (pages_per_range = 16);

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
  account_posts text    NOT NULL DEFAULT '[]',
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

ALTER TABLE mediavault.jobs ADD COLUMN needs_session integer NOT NULL DEFAULT 0;
DROP INDEX mediavault.jobs_ready;
CREATE INDEX jobs_ready ON mediavault.jobs (platform, needs_session, created_at, id) WHERE status = 'queued';

ALTER TABLE mediavault.workers ADD COLUMN platforms text NOT NULL DEFAULT '';
ALTER TABLE mediavault.workers ADD COLUMN signed_in text NOT NULL DEFAULT '';

CREATE INDEX jobs_not_understood ON mediavault.jobs (failed_at, platform)
 WHERE status = 'failed' AND error_code = 'EXTRACTOR_BROKEN';

ALTER TABLE mediavault.workers ADD COLUMN leaving integer NOT NULL DEFAULT 0;
ALTER TABLE mediavault.workers ADD COLUMN tally text NOT NULL DEFAULT '';

ALTER TABLE mediavault.jobs
  DROP CONSTRAINT jobs_status_check,
  DROP CONSTRAINT jobs_check,
  DROP CONSTRAINT jobs_check1,
  DROP CONSTRAINT jobs_check2,
  ADD CONSTRAINT jobs_held CHECK (
    (status = 'running') = (claimed_by IS NOT NULL) AND (claimed_by IS NULL) = (lease_expires_at IS NULL)
    AND (retry_at IS NULL OR status = 'failed'));

CREATE TABLE mediavault.records (
  kind       text   NOT NULL,
  key        text   COLLATE "C" NOT NULL,
  value      text   NOT NULL,
  updated_at bigint NOT NULL,
  expires_at bigint,
  PRIMARY KEY (kind, key)
);
CREATE INDEX records_expiring ON mediavault.records (expires_at) WHERE expires_at IS NOT NULL;

ALTER TABLE mediavault.jobs
  ADD COLUMN account_key text COLLATE "C";

DROP INDEX mediavault.jobs_created;
CREATE INDEX jobs_created  ON mediavault.jobs (created_at, id, status, duration_s);
CREATE INDEX jobs_platform ON mediavault.jobs (platform, created_at, id, status, duration_s);
CREATE INDEX jobs_account  ON mediavault.jobs (account_key, created_at, id, status, platform) WHERE account_key IS NOT NULL;
CREATE INDEX jobs_longest  ON mediavault.jobs (coalesce(duration_s, -1), created_at, id, status, platform);
CREATE INDEX jobs_largest  ON mediavault.jobs (coalesce(bytes, -1), created_at, id, status, platform, duration_s);
DROP INDEX mediavault.jobs_failed, mediavault.jobs_cancelled;
CREATE INDEX jobs_failed    ON mediavault.jobs (created_at, id, platform) WHERE status = 'failed';
CREATE INDEX jobs_cancelled ON mediavault.jobs (created_at, id, platform) WHERE status = 'cancelled';

CREATE TABLE mediavault.library_words (
  seq   bigint PRIMARY KEY,
  words tsvector NOT NULL
);
CREATE INDEX library_words_found ON mediavault.library_words USING gin (words);

CREATE TABLE mediavault.library_accounts (
  key          text COLLATE "C" PRIMARY KEY,
  platform     text COLLATE "C" NOT NULL,
  slug         text   NOT NULL,
  handle       text,
  display_name text,
  line         text   NOT NULL DEFAULT '',
  jobs         bigint NOT NULL,
  kept         bigint NOT NULL,
  bytes        bigint NOT NULL,
  duration_ms  bigint NOT NULL,
  latest_at    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX library_accounts_latest   ON mediavault.library_accounts (latest_at DESC, key);
CREATE INDEX library_accounts_platform ON mediavault.library_accounts (platform, latest_at DESC, key);

CREATE TABLE mediavault.library_totals (
  platform    text COLLATE "C" PRIMARY KEY,
  kept        bigint NOT NULL,
  bytes       bigint NOT NULL,
  duration_ms bigint NOT NULL
) WITH (fillfactor = 10);

ALTER TABLE mediavault.jobs    ADD COLUMN error_params  text;
ALTER TABLE mediavault.history ADD COLUMN detail_params text;

CREATE TABLE mediavault.marks (
  name  text COLLATE "C" NOT NULL,
  job   bigint           NOT NULL REFERENCES mediavault.jobs (seq) ON DELETE CASCADE,
  place bigint           NOT NULL,
  text  text COLLATE "C" NOT NULL,
  PRIMARY KEY (name, job)
);

CREATE INDEX marks_job   ON mediavault.marks (job);
CREATE INDEX marks_place ON mediavault.marks (name, place);

ALTER TABLE mediavault.jobs ADD COLUMN profile text;

CREATE TABLE mediavault.job_words (
  job    bigint           NOT NULL REFERENCES mediavault.jobs (seq) ON DELETE CASCADE,
  source text COLLATE "C" NOT NULL,
  line   text             NOT NULL,
  PRIMARY KEY (job, source)
);

ALTER TABLE mediavault.jobs ADD COLUMN priority smallint NOT NULL DEFAULT 1;

DROP INDEX mediavault.jobs_ready;
CREATE INDEX jobs_ready ON mediavault.jobs (platform, needs_session, priority, created_at, id) WHERE status = 'queued';
