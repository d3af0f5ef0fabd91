-- The database of a vault on SQLite. A new one is made of this file; after an older one has taken its migrations, what it lacks is
-- created from it too, and so each thing says IF NOT EXISTS.
-- Times are microseconds since 1970-01-01T00:00Z, sizes bytes, durations seconds (duration_ms: milliseconds). Where a table is
-- declared in store/tables.py, its last column holds the rest of its row as JSON.

-- A post to be saved, or saved. The long columns come last, so that the others are read without their overflow pages.
CREATE TABLE IF NOT EXISTS jobs (
  seq                      INTEGER PRIMARY KEY,   -- internal: the short key for history, marks and words
  id                       TEXT    NOT NULL,      -- UUIDv7
  trace_id                 TEXT    NOT NULL,
  post_url                 TEXT    NOT NULL,      -- as it was submitted
  canonical_url            TEXT    NOT NULL,
  version                  INTEGER NOT NULL DEFAULT 1,    -- of several jobs of one post
  platform                 TEXT    NOT NULL,
  status                   TEXT    NOT NULL DEFAULT 'queued'
    CHECK (status IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
  priority                 INTEGER NOT NULL DEFAULT 1,    -- of a queued job: 0 now, 1 normal, 2 later
  needs_session            INTEGER NOT NULL DEFAULT 0,    -- 1: only a worker that is signed in to the site may claim it
  listed_by                TEXT,                  -- the origin of the list that named the post; '': unknown; NULL: a user asked
  profile                  TEXT,                  -- the name of the profile with which it is saved
  chosen_url               TEXT,                  -- the URLs of the candidates that the user chose, as store/codec.py writes them
  created_at               INTEGER NOT NULL,
  posted_at                INTEGER NOT NULL DEFAULT 0,    -- when the post was published; where that is unknown, created_at
  title_key                TEXT    NOT NULL DEFAULT '',   -- the beginning of its title, as store/queries.py makes it
  updated_at               INTEGER NOT NULL,
  started_at               INTEGER,
  completed_at             INTEGER,
  failed_at                INTEGER,
  attempt_count            INTEGER NOT NULL DEFAULT 0,    -- the number of the latest attempt: its fence
  max_attempts             INTEGER NOT NULL,
  retry_at                 INTEGER,               -- when a failed job is queued again
  claimed_by               TEXT,                  -- workers.worker, while it runs
  lease_expires_at         INTEGER,               -- while it runs; 0: ended before its time, since the worker is known to be dead
  stage                    TEXT,                  -- of the latest attempt
  progress_pct             INTEGER NOT NULL DEFAULT 0,
  bytes_done               INTEGER NOT NULL DEFAULT 0,
  bytes_total              INTEGER,
  error_code               TEXT,
  error                    TEXT,                  -- in English
  error_params             TEXT,                  -- JSON: its template and values, for other languages
  source_type              TEXT    NOT NULL DEFAULT 'unknown',
  extracted_url            TEXT,                  -- of the best candidate
  extracted_url_expires_at INTEGER,
  thumbnail_url            TEXT,
  output_path              TEXT,                  -- of the post's first file in the library, as all columns up to height
  thumbnail_path           TEXT,
  bytes                    INTEGER,
  sha256                   TEXT,
  duration_s               REAL,
  width                    INTEGER,
  height                   INTEGER,
  account                  TEXT,                  -- JSON
  account_key              TEXT,                  -- library_accounts.key
  items                    TEXT    NOT NULL DEFAULT '[]',  -- JSON: what became of each video and picture of the post
  candidates               TEXT    NOT NULL DEFAULT '[]',  -- JSON
  image_urls               TEXT    NOT NULL DEFAULT '[]',  -- JSON
  metadata                 TEXT    NOT NULL DEFAULT '{}',  -- JSON
  CHECK ((status = 'running') = (lease_expires_at IS NOT NULL)),
  CHECK ((status = 'running') = (claimed_by IS NOT NULL)),
  CHECK (retry_at IS NULL OR status = 'failed')
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS jobs_id   ON jobs (id);
CREATE UNIQUE INDEX IF NOT EXISTS jobs_post ON jobs (canonical_url, version);

-- The queue. Claims look for work platform by platform, and read only what the worker may take: the first jobs of each range of
-- ``jobs_claimable``, whatever comes after them.
CREATE INDEX IF NOT EXISTS jobs_claimable ON jobs (platform, needs_session, priority, created_at, id) WHERE status = 'queued';
CREATE INDEX IF NOT EXISTS jobs_ready     ON jobs (created_at, id, platform) WHERE status = 'queued';
-- Waiting for a later try is not ready: a hundred thousand of them at the head would be read by every claim.
CREATE INDEX IF NOT EXISTS jobs_due       ON jobs (retry_at)   WHERE retry_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_running   ON jobs (claimed_by) WHERE status = 'running';
CREATE INDEX IF NOT EXISTS jobs_updated   ON jobs (updated_at);

-- The library's pages: an index for each order, from which a page reads what else it filters by. An unknown length or size counts
-- as -1, which puts it last. The partial ones find the few among very many, and give the totals by platform.
CREATE INDEX IF NOT EXISTS jobs_created   ON jobs (created_at, id, status, duration_s);
CREATE INDEX IF NOT EXISTS jobs_posted    ON jobs (posted_at, created_at, id, status, platform, duration_s);
CREATE INDEX IF NOT EXISTS jobs_titled    ON jobs (title_key, created_at DESC, id DESC, status, platform, duration_s);
CREATE INDEX IF NOT EXISTS jobs_platform  ON jobs (platform, created_at, id, status, duration_s);
CREATE INDEX IF NOT EXISTS jobs_account   ON jobs
 (account_key, created_at, id, status, platform, duration_s, bytes, posted_at, title_key) WHERE account_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_longest   ON jobs (coalesce(duration_s, -1), created_at, id, status, platform, duration_s);
CREATE INDEX IF NOT EXISTS jobs_largest   ON jobs (coalesce(bytes, -1), created_at, id, status, platform, duration_s);
CREATE INDEX IF NOT EXISTS jobs_failed    ON jobs (created_at, id, platform) WHERE status = 'failed';
CREATE INDEX IF NOT EXISTS jobs_cancelled ON jobs (created_at, id, platform) WHERE status = 'cancelled';
CREATE INDEX IF NOT EXISTS jobs_not_understood ON jobs (failed_at, platform)
 WHERE status = 'failed' AND error_code = 'EXTRACTOR_BROKEN';

-- What each attempt did, one record for each stage and strategy. Append-only.
CREATE TABLE IF NOT EXISTS history (
  id            INTEGER PRIMARY KEY,
  job           INTEGER NOT NULL,             -- jobs.seq
  at            INTEGER NOT NULL,
  attempt       INTEGER NOT NULL,
  stage         TEXT    NOT NULL,
  outcome       TEXT    NOT NULL,
  strategy      TEXT,                         -- plain, session, navigation or fresh
  error_code    TEXT,
  detail        TEXT    NOT NULL DEFAULT '',  -- in English
  detail_params TEXT,                         -- JSON: its template and values, for other languages
  bytes         INTEGER NOT NULL DEFAULT 0,
  duration_ms   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS history_job ON history (job, id);

-- The workers' signs of life.
CREATE TABLE IF NOT EXISTS workers (
  worker        TEXT    PRIMARY KEY,
  host          TEXT    NOT NULL,
  pid           INTEGER NOT NULL,
  version       TEXT    NOT NULL,             -- of mediavault
  platforms     TEXT    NOT NULL DEFAULT '',  -- which it takes, a space between; '': all
  signed_in     TEXT    NOT NULL DEFAULT '',  -- the platforms at which it has a session
  started_at    INTEGER NOT NULL,
  last_seen_at  INTEGER NOT NULL,
  running_jobs  INTEGER NOT NULL,
  skipped_ticks INTEGER NOT NULL,
  missed_beats  INTEGER NOT NULL,
  draining      INTEGER NOT NULL,             -- 1: it claims nothing more
  leaving       INTEGER NOT NULL DEFAULT 0,   -- 1: it was asked to drain, which it reads at its next heartbeat
  tally         TEXT    NOT NULL DEFAULT ''   -- what it has done since it began: name=count, a space between
) STRICT, WITHOUT ROWID;

-- Pace, daily cap and circuit breaker of each site.
CREATE TABLE IF NOT EXISTS site_limits (
  platform       TEXT    PRIMARY KEY,
  closed_until   INTEGER,                       -- no job of the site starts before
  probing_until  INTEGER,                       -- how long the one job that tries a closed site keeps the others away
  failures       INTEGER NOT NULL,              -- how many times in a row the site was closed
  code           TEXT,                          -- the failure that closed it
  reason         TEXT    NOT NULL,
  next_permit_at INTEGER,                       -- when the site may be requested again
  reserved_until INTEGER,                       -- a claim has returned a job for the next permit, which is not yet taken
  account_posts  TEXT    NOT NULL DEFAULT '[]', -- JSON: the posts that the account has visited in a day: job, time; oldest first
  account_cap    INTEGER                        -- how many it may visit in a day
) STRICT, WITHOUT ROWID;

-- What every process at this database agrees on, such as the id of the library.
CREATE TABLE IF NOT EXISTS agreed (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What the vault stores apart from its jobs, found by its key alone: users, tokens, settings, …
CREATE TABLE IF NOT EXISTS records (
  kind       TEXT    NOT NULL,  -- as RecordKind in core/records.py
  key        TEXT    NOT NULL,
  value      TEXT    NOT NULL,  -- a JSON object, its names in order
  updated_at INTEGER NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_expiring ON records (expires_at) WHERE expires_at IS NOT NULL;

-- What users note about posts, such as favourites, tags, collections and how far a video was watched.
CREATE TABLE IF NOT EXISTS marks (
  name  TEXT    NOT NULL,  -- as core/marks.py writes it
  job   INTEGER NOT NULL,  -- jobs.seq
  place INTEGER NOT NULL,  -- among the marks of that name; where it has no order, the time at which it was made
  text  TEXT    NOT NULL,
  PRIMARY KEY (name, job)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS marks_job   ON marks (job);
CREATE INDEX IF NOT EXISTS marks_place ON marks (name, place);

-- The words by which a job is found, as store/search_words.py makes them, a space between. The key is jobs.seq.
CREATE VIRTUAL TABLE IF NOT EXISTS library_words USING fts5
  (line, content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2');

-- Words that are not from the job's own texts, such as those of its subtitles. ``library_words`` has them too; here they wait for
-- the next time that the job's row of it is written.
CREATE TABLE IF NOT EXISTS job_words (
  job    INTEGER NOT NULL,  -- jobs.seq
  source TEXT    NOT NULL,  -- as WordSource in store/search_words.py
  line   TEXT    NOT NULL,
  PRIMARY KEY (job, source)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS job_words_removed AFTER DELETE ON jobs BEGIN
  DELETE FROM job_words WHERE job = old.seq;
END;

-- The accounts whose posts the library has.
CREATE TABLE IF NOT EXISTS library_accounts (
  key          TEXT    PRIMARY KEY,          -- platform/slug
  platform     TEXT    NOT NULL,
  slug         TEXT    NOT NULL,
  handle       TEXT,                         -- as the newest job has it
  display_name TEXT,                         -- likewise
  line         TEXT    NOT NULL DEFAULT '',  -- the words of both
  jobs         INTEGER NOT NULL,
  saved        INTEGER NOT NULL,             -- of these, the completed ones; bytes and duration_ms are theirs
  bytes        INTEGER NOT NULL,
  duration_ms  INTEGER NOT NULL,
  latest_at    INTEGER NOT NULL DEFAULT 0    -- created_at of the newest job
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS library_accounts_latest   ON library_accounts (latest_at DESC, key);
CREATE INDEX IF NOT EXISTS library_accounts_platform ON library_accounts (platform, latest_at DESC, key);

-- Sums of each site's completed jobs. Jobs in other states are counted when a page asks: there are indexes of just these.
CREATE TABLE IF NOT EXISTS library_totals (
  platform    TEXT    PRIMARY KEY,
  saved       INTEGER NOT NULL,
  bytes       INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Accounts, lists and feeds that are followed.
CREATE TABLE IF NOT EXISTS sources (
  id    TEXT NOT NULL PRIMARY KEY,
  url   TEXT NOT NULL,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sources_url ON sources (url);

-- What checks of each source have found.
CREATE TABLE IF NOT EXISTS source_states (
  id      TEXT NOT NULL PRIMARY KEY,  -- sources.id
  due_at  INTEGER NOT NULL,           -- from when on it may be due for another check
  waiting INTEGER NOT NULL,           -- how many of its entries wait for their turn
  value   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS source_states_due     ON source_states (due_at, id);
CREATE INDEX IF NOT EXISTS source_states_waiting ON source_states (waiting, id);

-- The posts on each source's list.
CREATE TABLE IF NOT EXISTS source_entries (
  source      TEXT NOT NULL,     -- sources.id
  post        TEXT NOT NULL,     -- its key
  state       TEXT NOT NULL,     -- saved, waiting or skipped
  place       INTEGER,           -- among those of the source that wait for their turn
  listed_at   INTEGER,           -- since when the list names it
  unlisted_at INTEGER,           -- since when it no longer does
  value       TEXT NOT NULL,
  PRIMARY KEY (source, post)
) STRICT;
CREATE INDEX IF NOT EXISTS source_entries_waiting  ON source_entries (source, place, post) WHERE place IS NOT NULL;
CREATE INDEX IF NOT EXISTS source_entries_listed   ON source_entries (source, listed_at) WHERE listed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS source_entries_unlisted ON source_entries (source, unlisted_at, post) WHERE unlisted_at IS NOT NULL;

-- What is still to be done for saved posts, such as fetching their comments.
CREATE TABLE IF NOT EXISTS deferred_work (
  work   TEXT NOT NULL,          -- its kind
  job    TEXT NOT NULL,          -- jobs.id
  due_at INTEGER NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (work, job)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deferred_work_due ON deferred_work (work, due_at, job);

-- Deleted posts, which can be restored: each with its job, history and marks.
CREATE TABLE IF NOT EXISTS trash (
  id         TEXT NOT NULL PRIMARY KEY,  -- the former jobs.id
  deleted_at INTEGER NOT NULL,
  batch      TEXT NOT NULL,              -- the same for posts that were deleted together
  bytes      INTEGER NOT NULL,           -- of its files
  unmoved    INTEGER,                    -- how many files are still to be moved to the trash
  value      TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS trash_deleted ON trash (deleted_at, id, bytes);
CREATE INDEX IF NOT EXISTS trash_batch   ON trash (batch, deleted_at, id);
CREATE INDEX IF NOT EXISTS trash_unmoved ON trash (unmoved, id) WHERE unmoved IS NOT NULL;

-- The further words (job_words) of deleted posts, which only a restored post needs.
CREATE TABLE IF NOT EXISTS trashed_words (
  id    TEXT NOT NULL PRIMARY KEY,       -- trash.id
  value TEXT NOT NULL
) STRICT;
