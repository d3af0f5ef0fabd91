-- The library index: what the library's pages are read from, written in the transaction that changes a job. It is indexes
-- of jobs, one for each order, and three small tables. Those of an older vault are filled by schema.py, in the transaction
-- of this migration.

DROP TRIGGER shelf_job_removed;
DROP TRIGGER shelf_history_removed;
DROP TABLE shelf_stale;
DROP TABLE shelf_mark;
DROP TABLE shelf_totals;
DROP TABLE shelf_accounts;
DROP TABLE shelf_words;
DROP TABLE shelf;
ALTER TABLE jobs DROP COLUMN search_text;  -- searches go by library_words

ALTER TABLE jobs ADD COLUMN account_key TEXT;  -- library_accounts.key

-- What else a page asks for is read from the index too. An unknown length or size counts as -1, which puts it last.
DROP INDEX jobs_created;
CREATE INDEX jobs_created  ON jobs (created_at, id, status, duration_s);
CREATE INDEX jobs_platform ON jobs (platform, created_at, id, status, duration_s);
CREATE INDEX jobs_account  ON jobs (account_key, created_at, id, status, platform, duration_s, bytes)
 WHERE account_key IS NOT NULL;
CREATE INDEX jobs_longest  ON jobs (coalesce(duration_s, -1), created_at, id, status, platform, duration_s);
CREATE INDEX jobs_largest  ON jobs (coalesce(bytes, -1), created_at, id, status, platform, duration_s);
-- ``platform`` is in these for the totals.
DROP INDEX jobs_failed;
DROP INDEX jobs_cancelled;
CREATE INDEX jobs_failed    ON jobs (created_at, id, platform) WHERE status = 'failed';
CREATE INDEX jobs_cancelled ON jobs (created_at, id, platform) WHERE status = 'cancelled';

-- The words of store/search_words.py, a space between; the key is jobs.seq.
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

-- Sums of the completed jobs. Those in other states are counted when a page asks: there are indexes of just these.
CREATE TABLE library_totals (
  platform    TEXT    PRIMARY KEY,
  kept        INTEGER NOT NULL,
  bytes       INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
