-- The library index: what the library's pages are read from, written in the transaction that changes a job. It is indexes
-- of jobs, one for each order, and three small tables. Those of an older vault are filled by schema.py, in the transaction
-- of this migration. Code that does not write the index cannot work beside code that reads it.

DROP TRIGGER shelf_job_removed ON mediavault.jobs;
DROP TRIGGER shelf_job_adopted ON mediavault.jobs;
DROP FUNCTION mediavault.shelf_is_stale();
DROP TABLE mediavault.shelf_stale, mediavault.shelf_mark, mediavault.shelf_totals, mediavault.shelf_accounts,
           mediavault.shelf_words, mediavault.shelf;
ALTER TABLE mediavault.jobs
  DROP COLUMN search_text,                           -- searches go by library_words
  ADD COLUMN account_key text COLLATE "C";           -- library_accounts.key

-- What else a page asks for is read from the index too. An unknown length or size counts as -1, which puts it last.
DROP INDEX mediavault.jobs_created;
CREATE INDEX jobs_created  ON mediavault.jobs (created_at, id, status, duration_s);
CREATE INDEX jobs_platform ON mediavault.jobs (platform, created_at, id, status, duration_s);
CREATE INDEX jobs_account  ON mediavault.jobs (account_key, created_at, id, status, platform) WHERE account_key IS NOT NULL;
CREATE INDEX jobs_longest  ON mediavault.jobs (coalesce(duration_s, -1), created_at, id, status, platform);
CREATE INDEX jobs_largest  ON mediavault.jobs (coalesce(bytes, -1), created_at, id, status, platform, duration_s);
-- ``platform`` is in these for the totals.
DROP INDEX mediavault.jobs_failed, mediavault.jobs_cancelled;
CREATE INDEX jobs_failed    ON mediavault.jobs (created_at, id, platform) WHERE status = 'failed';
CREATE INDEX jobs_cancelled ON mediavault.jobs (created_at, id, platform) WHERE status = 'cancelled';

-- The words of store/search_words.py. Apart from jobs, whose every change would write them into their index again.
CREATE TABLE mediavault.library_words (
  seq   bigint PRIMARY KEY,  -- jobs.seq
  words tsvector NOT NULL
);
CREATE INDEX library_words_found ON mediavault.library_words USING gin (words);

CREATE TABLE mediavault.library_accounts (
  key          text COLLATE "C" PRIMARY KEY,         -- platform/slug
  platform     text COLLATE "C" NOT NULL,
  slug         text   NOT NULL,
  handle       text,                                 -- as the newest job has it
  display_name text,
  line         text   NOT NULL DEFAULT '',           -- the words of both
  jobs         bigint NOT NULL,
  kept         bigint NOT NULL,                      -- completed jobs; bytes and duration_ms are theirs
  bytes        bigint NOT NULL,
  duration_ms  bigint NOT NULL,
  latest_at    bigint NOT NULL DEFAULT 0             -- created_at of the newest job
) WITH (fillfactor = 50);
CREATE INDEX library_accounts_latest   ON mediavault.library_accounts (latest_at DESC, key);
CREATE INDEX library_accounts_platform ON mediavault.library_accounts (platform, latest_at DESC, key);

-- Sums of the completed jobs. Those in other states are counted when a page asks: there are indexes of just these. Few
-- rows that change often: most of a page is left for their next versions.
CREATE TABLE mediavault.library_totals (
  platform    text COLLATE "C" PRIMARY KEY,
  kept        bigint NOT NULL,
  bytes       bigint NOT NULL,
  duration_ms bigint NOT NULL
) WITH (fillfactor = 10);
