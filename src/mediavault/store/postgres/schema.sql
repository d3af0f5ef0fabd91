-- The database of a vault on PostgreSQL. A new one is made of this file; after an older one has taken its migrations, what it lacks
-- is created from it too, and so each thing says IF NOT EXISTS. All of it is in the schema `mediavault`, which schema.py creates.
-- The same rows as on SQLite: times are microseconds since 1970-01-01T00:00Z by the database's clock, sizes bytes, durations seconds
-- (duration_ms: milliseconds). Where a table is declared in store/tables.py, its last column holds the rest of its row as JSON.

-- One row: the version of this schema, and that of the oldest mediavault which still works with it.
CREATE TABLE IF NOT EXISTS mediavault.schema_version (
  version     integer NOT NULL,
  oldest_code integer NOT NULL
);

-- A post to be saved, or saved. Vacuumed often, since every move of a job leaves a dead row.
CREATE TABLE IF NOT EXISTS mediavault.jobs (
  seq                      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- internal: the short key for history, marks and words
  id                       text COLLATE "C" NOT NULL,          -- UUIDv7
  trace_id                 text NOT NULL,
  post_url                 text NOT NULL,                      -- as it was submitted
  canonical_url            text COLLATE "C" NOT NULL,
  version                  integer NOT NULL DEFAULT 1,         -- of several jobs of one post
  platform                 text COLLATE "C" NOT NULL,
  status                   text COLLATE "C" NOT NULL DEFAULT 'queued',  -- or running, completed, failed, cancelled
  priority                 smallint NOT NULL DEFAULT 1,        -- of a queued job: 0 now, 1 normal, 2 later
  needs_session            integer NOT NULL DEFAULT 0,         -- 1: only a worker that is signed in to the site may claim it
  listed_by                text,             -- the origin of the list that named the post; '': unknown; NULL: a user asked
  profile                  text,             -- the name of the profile with which it is saved
  chosen_url               text,             -- the URLs of the candidates that the user chose, as store/codec.py writes them
  created_at               bigint NOT NULL,
  posted_at                bigint NOT NULL DEFAULT 0,          -- when the post was published; where that is unknown, created_at
  title_key                text COLLATE "C" NOT NULL DEFAULT '',  -- the beginning of its title, as store/queries.py makes it
  updated_at               bigint NOT NULL,
  started_at               bigint,
  completed_at             bigint,
  failed_at                bigint,
  attempt_count            integer NOT NULL DEFAULT 0,         -- the number of the latest attempt: its fence
  max_attempts             integer NOT NULL,
  retry_at                 bigint,           -- when a failed job is queued again
  claimed_by               text,             -- workers.worker, while it runs
  lease_expires_at         bigint,           -- while it runs; 0: ended before its time, since the worker is known to be dead
  stage                    text,             -- of the latest attempt
  progress_pct             integer NOT NULL DEFAULT 0,
  bytes_done               bigint NOT NULL DEFAULT 0,
  bytes_total              bigint,
  error_code               text,
  error                    text,             -- in English
  error_params             text,             -- JSON: its template and values, for other languages
  source_type              text NOT NULL DEFAULT 'unknown',
  extracted_url            text,             -- of the best candidate
  extracted_url_expires_at bigint,
  thumbnail_url            text,
  output_path              text,             -- of the post's first file in the library, as all columns up to height
  thumbnail_path           text,
  bytes                    bigint,
  sha256                   text,
  duration_s               double precision,
  width                    integer,
  height                   integer,
  account                  text,             -- JSON
  account_key              text COLLATE "C",                   -- library_accounts.key
  items                    text NOT NULL DEFAULT '[]',         -- JSON: what became of each video and picture of the post
  candidates               text NOT NULL DEFAULT '[]',         -- JSON
  image_urls               text NOT NULL DEFAULT '[]',         -- JSON
  metadata                 text NOT NULL DEFAULT '{}',         -- JSON
  -- One check, and none of the list of statuses: the server reads them anew, as text, in every statement that writes.
  CONSTRAINT jobs_held CHECK (
    (status = 'running') = (claimed_by IS NOT NULL) AND (claimed_by IS NULL) = (lease_expires_at IS NULL)
    AND (retry_at IS NULL OR status = 'failed'))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

CREATE UNIQUE INDEX IF NOT EXISTS jobs_id   ON mediavault.jobs (id);
CREATE UNIQUE INDEX IF NOT EXISTS jobs_post ON mediavault.jobs (canonical_url, version);

-- The queue. Claims look for work platform by platform, and read only what the worker may take: the first jobs of each range of
-- ``jobs_ready``, whatever comes after them.
CREATE INDEX IF NOT EXISTS jobs_ready     ON mediavault.jobs (platform, needs_session, priority, created_at, id)
 WHERE status = 'queued';
-- Waiting for a later try is not ready: a hundred thousand of them at the head would be read by every claim.
CREATE INDEX IF NOT EXISTS jobs_due       ON mediavault.jobs (retry_at)   WHERE retry_at IS NOT NULL;
-- Not on the lease: renewals then stay within their page (heap-only tuples).
CREATE INDEX IF NOT EXISTS jobs_running   ON mediavault.jobs (claimed_by) WHERE status = 'running';
-- Asked for the last seconds only. Every write changes it, and a B-tree would take an entry of each.
CREATE INDEX IF NOT EXISTS jobs_updated   ON mediavault.jobs USING brin (updated_at) WITH (pages_per_range = 16);

-- The library's pages: an index for each order, from which a page reads what else it filters by. An unknown length or size counts
-- as -1, which puts it last. The partial ones find the few among very many, and give the totals by platform.
CREATE INDEX IF NOT EXISTS jobs_created   ON mediavault.jobs (created_at, id, status, duration_s);
CREATE INDEX IF NOT EXISTS jobs_posted    ON mediavault.jobs (posted_at, created_at, id, status, platform, duration_s);
CREATE INDEX IF NOT EXISTS jobs_titled    ON mediavault.jobs (title_key, created_at DESC, id DESC, status, platform, duration_s);
CREATE INDEX IF NOT EXISTS jobs_platform  ON mediavault.jobs (platform, created_at, id, status, duration_s);
CREATE INDEX IF NOT EXISTS jobs_account   ON mediavault.jobs (account_key, created_at, id, status, platform)
 WHERE account_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_longest   ON mediavault.jobs (coalesce(duration_s, -1), created_at, id, status, platform);
CREATE INDEX IF NOT EXISTS jobs_largest   ON mediavault.jobs (coalesce(bytes, -1), created_at, id, status, platform, duration_s);
CREATE INDEX IF NOT EXISTS jobs_failed    ON mediavault.jobs (created_at, id, platform) WHERE status = 'failed';
CREATE INDEX IF NOT EXISTS jobs_cancelled ON mediavault.jobs (created_at, id, platform) WHERE status = 'cancelled';
CREATE INDEX IF NOT EXISTS jobs_not_understood ON mediavault.jobs (failed_at, platform)
 WHERE status = 'failed' AND error_code = 'EXTRACTOR_BROKEN';

-- For people who read the database: the jobs, with readable times.
CREATE OR REPLACE VIEW mediavault.readable_jobs AS
SELECT id, post_url, platform, status, error_code, error, attempt_count, claimed_by, output_path,
       to_timestamp(created_at / 1e6) AS created_at, to_timestamp(updated_at / 1e6) AS updated_at,
       to_timestamp(nullif(lease_expires_at, 0) / 1e6) AS lease_expires_at, to_timestamp(retry_at / 1e6) AS retry_at
  FROM mediavault.jobs;

-- What each attempt did, one record for each stage and strategy. Append-only. No foreign key: each one would lock the job's row for
-- every record.
CREATE TABLE IF NOT EXISTS mediavault.history (
  id            bigint GENERATED ALWAYS AS IDENTITY,
  job           bigint  NOT NULL,             -- jobs.seq
  at            bigint  NOT NULL,
  attempt       integer NOT NULL,
  stage         text    NOT NULL,
  outcome       text    NOT NULL,
  strategy      text,                         -- plain, session, navigation or fresh
  error_code    text,
  detail        text    NOT NULL DEFAULT '',  -- in English
  detail_params text,                         -- JSON: its template and values, for other languages
  bytes         bigint  NOT NULL DEFAULT 0,
  duration_ms   bigint  NOT NULL DEFAULT 0,
  PRIMARY KEY (job, id)
);

-- The workers' signs of life.
CREATE TABLE IF NOT EXISTS mediavault.workers (
  worker        text PRIMARY KEY,
  host          text    NOT NULL,
  pid           integer NOT NULL,
  version       text    NOT NULL,             -- of mediavault
  platforms     text    NOT NULL DEFAULT '',  -- which it takes, a space between; '': all
  signed_in     text    NOT NULL DEFAULT '',  -- the platforms at which it has a session
  started_at    bigint  NOT NULL,
  last_seen_at  bigint  NOT NULL,
  running_jobs  integer NOT NULL,
  skipped_ticks bigint  NOT NULL,
  missed_beats  bigint  NOT NULL,
  draining      integer NOT NULL,             -- 1: it claims nothing more
  leaving       integer NOT NULL DEFAULT 0,   -- 1: it was asked to drain, which it reads at its next heartbeat
  tally         text    NOT NULL DEFAULT ''   -- what it has done since it began: name=count, a space between
);

-- Pace, daily cap and circuit breaker of each site.
CREATE TABLE IF NOT EXISTS mediavault.site_limits (
  platform       text COLLATE "C" PRIMARY KEY,
  closed_until   bigint,                        -- no job of the site starts before
  probing_until  bigint,                        -- how long the one job that tries a closed site keeps the others away
  failures       integer NOT NULL,              -- how many times in a row the site was closed
  code           text,                          -- the failure that closed it
  reason         text    NOT NULL,
  next_permit_at bigint,                        -- when the site may be requested again
  reserved_until bigint,                        -- a claim has returned a job for the next permit, which is not yet taken
  account_posts  text    NOT NULL DEFAULT '[]', -- JSON: the posts that the account has visited in a day: job, time; oldest first
  account_cap    integer                        -- how many it may visit in a day
);

-- What every process at this database agrees on, such as the id of the library.
CREATE TABLE IF NOT EXISTS mediavault.agreed (
  name  text PRIMARY KEY,
  value text NOT NULL
);

-- What the vault stores apart from its jobs, found by its key alone: users, tokens, settings, …
CREATE TABLE IF NOT EXISTS mediavault.records (
  kind       text   NOT NULL,                   -- as RecordKind in core/records.py
  key        text   COLLATE "C" NOT NULL,
  value      text   NOT NULL,                   -- a JSON object, its names in order
  updated_at bigint NOT NULL,
  expires_at bigint,
  PRIMARY KEY (kind, key)
);
CREATE INDEX IF NOT EXISTS records_expiring ON mediavault.records (expires_at) WHERE expires_at IS NOT NULL;

-- What users note about posts, such as favourites, tags, collections and how far a video was watched.
CREATE TABLE IF NOT EXISTS mediavault.marks (
  name  text COLLATE "C" NOT NULL,  -- as core/marks.py writes it
  job   bigint           NOT NULL REFERENCES mediavault.jobs (seq) ON DELETE CASCADE,
  place bigint           NOT NULL,  -- among the marks of that name; where it has no order, the time at which it was made
  text  text COLLATE "C" NOT NULL,
  PRIMARY KEY (name, job)
);
CREATE INDEX IF NOT EXISTS marks_job   ON mediavault.marks (job);
CREATE INDEX IF NOT EXISTS marks_place ON mediavault.marks (name, place);

-- The words by which a job is found, as store/search_words.py makes them. Apart from jobs, whose every change would write them into
-- their index again.
CREATE TABLE IF NOT EXISTS mediavault.library_words (
  seq   bigint PRIMARY KEY,         -- jobs.seq
  words tsvector NOT NULL
);
CREATE INDEX IF NOT EXISTS library_words_found ON mediavault.library_words USING gin (words);

-- Words that are not from the job's own texts, such as those of its subtitles. ``library_words`` has them too; here they wait for
-- the next time that the job's row of it is written.
CREATE TABLE IF NOT EXISTS mediavault.job_words (
  job    bigint           NOT NULL REFERENCES mediavault.jobs (seq) ON DELETE CASCADE,
  source text COLLATE "C" NOT NULL, -- as WordSource in store/search_words.py
  line   text             NOT NULL,
  PRIMARY KEY (job, source)
);

-- The accounts whose posts the library has.
CREATE TABLE IF NOT EXISTS mediavault.library_accounts (
  key          text COLLATE "C" PRIMARY KEY,    -- platform/slug
  platform     text COLLATE "C" NOT NULL,
  slug         text   NOT NULL,
  handle       text,                            -- as the newest job has it
  display_name text,                            -- likewise
  line         text   NOT NULL DEFAULT '',      -- the words of both
  jobs         bigint NOT NULL,
  saved        bigint NOT NULL,                 -- of these, the completed ones; bytes and duration_ms are theirs
  bytes        bigint NOT NULL,
  duration_ms  bigint NOT NULL,
  latest_at    bigint NOT NULL DEFAULT 0        -- created_at of the newest job
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS library_accounts_latest   ON mediavault.library_accounts (latest_at DESC, key);
CREATE INDEX IF NOT EXISTS library_accounts_platform ON mediavault.library_accounts (platform, latest_at DESC, key);

-- Sums of each site's completed jobs. Jobs in other states are counted when a page asks: there are indexes of just these. Few rows
-- that change often: most of a page is left for their next versions.
CREATE TABLE IF NOT EXISTS mediavault.library_totals (
  platform    text COLLATE "C" PRIMARY KEY,
  saved       bigint NOT NULL,
  bytes       bigint NOT NULL,
  duration_ms bigint NOT NULL
) WITH (fillfactor = 10);

-- Accounts, lists and feeds that are followed.
CREATE TABLE IF NOT EXISTS mediavault.sources (
  id    text COLLATE "C" NOT NULL PRIMARY KEY,
  url   text COLLATE "C" NOT NULL,
  value text NOT NULL
);
CREATE INDEX IF NOT EXISTS sources_url ON mediavault.sources (url);

-- What checks of each source have found.
CREATE TABLE IF NOT EXISTS mediavault.source_states (
  id      text COLLATE "C" NOT NULL PRIMARY KEY,  -- sources.id
  due_at  bigint NOT NULL,                        -- from when on it may be due for another check
  waiting bigint NOT NULL,                        -- how many of its entries wait for their turn
  value   text NOT NULL
);
CREATE INDEX IF NOT EXISTS source_states_due     ON mediavault.source_states (due_at, id);
CREATE INDEX IF NOT EXISTS source_states_waiting ON mediavault.source_states (waiting, id);

-- The posts on each source's list.
CREATE TABLE IF NOT EXISTS mediavault.source_entries (
  source      text COLLATE "C" NOT NULL,  -- sources.id
  post        text COLLATE "C" NOT NULL,  -- its key
  state       text COLLATE "C" NOT NULL,  -- saved, waiting or skipped
  place       bigint,                     -- among those of the source that wait for their turn
  listed_at   bigint,                     -- since when the list names it
  unlisted_at bigint,                     -- since when it no longer does
  value       text NOT NULL,
  PRIMARY KEY (source, post)
);
CREATE INDEX IF NOT EXISTS source_entries_waiting  ON mediavault.source_entries (source, place, post) WHERE place IS NOT NULL;
CREATE INDEX IF NOT EXISTS source_entries_listed   ON mediavault.source_entries (source, listed_at) WHERE listed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS source_entries_unlisted ON mediavault.source_entries (source, unlisted_at, post)
 WHERE unlisted_at IS NOT NULL;

-- What is still to be done for saved posts, such as fetching their comments.
CREATE TABLE IF NOT EXISTS mediavault.deferred_work (
  work   text COLLATE "C" NOT NULL,       -- its kind
  job    text COLLATE "C" NOT NULL,       -- jobs.id
  due_at bigint NOT NULL,
  value  text NOT NULL,
  PRIMARY KEY (work, job)
);
CREATE INDEX IF NOT EXISTS deferred_work_due ON mediavault.deferred_work (work, due_at, job);

-- Deleted posts, which can be restored: each with its job, history and marks.
CREATE TABLE IF NOT EXISTS mediavault.trash (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,  -- the former jobs.id
  deleted_at bigint NOT NULL,
  batch      text COLLATE "C" NOT NULL,              -- the same for posts that were deleted together
  bytes      bigint NOT NULL,                        -- of its files
  unmoved    bigint,                                 -- how many files are still to be moved to the trash
  value      text NOT NULL
);
CREATE INDEX IF NOT EXISTS trash_deleted ON mediavault.trash (deleted_at, id, bytes);
CREATE INDEX IF NOT EXISTS trash_batch   ON mediavault.trash (batch, deleted_at, id);
CREATE INDEX IF NOT EXISTS trash_unmoved ON mediavault.trash (unmoved, id) WHERE unmoved IS NOT NULL;

-- The further words (job_words) of deleted posts, which only a restored post needs.
CREATE TABLE IF NOT EXISTS mediavault.trashed_words (
  id    text COLLATE "C" NOT NULL PRIMARY KEY,       -- trash.id
  value text NOT NULL
);
