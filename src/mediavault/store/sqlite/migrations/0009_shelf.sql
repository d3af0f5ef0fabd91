-- The shelf: every job as the library's pages look for it. It follows the jobs (store/shelf.py): who reads it first takes
-- over what has changed. So a claim or a completion writes nothing more, and rows of any release come to stand on it.
-- ``bytes`` and ``duration_s`` are -1 where they are not known, which puts them last.

CREATE TABLE shelf (
  place      INTEGER PRIMARY KEY,   -- created_at * 4096 and a number of its own: searches are read in the order of age
  seq        INTEGER NOT NULL,      -- jobs.seq
  id         TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  platform   TEXT    NOT NULL,
  status     TEXT    NOT NULL,
  account    TEXT,                  -- key: platform/slug
  bytes      INTEGER NOT NULL,
  duration_s REAL    NOT NULL,
  words      INTEGER NOT NULL       -- tells whether its words in shelf_words are of today
) STRICT;

CREATE UNIQUE INDEX shelf_seq ON shelf (seq);
-- One for each order; what else is asked for is read from the index alone.
CREATE INDEX shelf_created  ON shelf (created_at, id, status, duration_s);
CREATE INDEX shelf_platform ON shelf (platform, created_at, id, status, duration_s);
CREATE INDEX shelf_account  ON shelf (account, created_at, id, status, platform, duration_s, bytes) WHERE account IS NOT NULL;
CREATE INDEX shelf_longest  ON shelf (duration_s, created_at, id, status, platform);
CREATE INDEX shelf_largest  ON shelf (bytes, created_at, id, status, platform, duration_s);

-- The words of store/search_words.py, a space between; the key is shelf.place.
CREATE VIRTUAL TABLE shelf_words USING fts5 (line, content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2');

CREATE TABLE shelf_accounts (
  key          TEXT    PRIMARY KEY,
  platform     TEXT    NOT NULL,
  slug         TEXT    NOT NULL,
  handle       TEXT,
  display_name TEXT,
  line         TEXT    NOT NULL DEFAULT '',  -- the words of both
  jobs         INTEGER NOT NULL,
  kept         INTEGER NOT NULL,
  bytes        INTEGER NOT NULL,
  duration_ms  INTEGER NOT NULL,
  latest_at    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX shelf_accounts_latest      ON shelf_accounts (latest_at DESC, key);
CREATE INDEX shelf_accounts_of_platform ON shelf_accounts (platform, latest_at DESC, key);

CREATE TABLE shelf_totals (
  platform    TEXT    NOT NULL,
  status      TEXT    NOT NULL,
  jobs        INTEGER NOT NULL,
  bytes       INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  PRIMARY KEY (platform, status)
) STRICT, WITHOUT ROWID;

-- How far the shelf has followed: the last job and the last record of the history that it has seen. Every move of a job
-- leaves a record, and both keys only grow, whatever the clock does; where the newest are removed, they are given anew.
CREATE TABLE shelf_mark (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  seq     INTEGER NOT NULL,
  history INTEGER NOT NULL,
  before  INTEGER NOT NULL  -- the last job that stood here before the shelf did
) STRICT;
INSERT INTO shelf_mark SELECT 1, 0, 0, coalesce(max(seq), 0) FROM jobs;

CREATE TABLE shelf_stale (
  seq INTEGER PRIMARY KEY  -- of jobs that were removed since
) STRICT;

CREATE TRIGGER shelf_job_removed AFTER DELETE ON jobs BEGIN
  INSERT INTO shelf_stale VALUES (old.seq) ON CONFLICT DO NOTHING;
  UPDATE shelf_mark SET seq = coalesce((SELECT max(seq) FROM jobs), 0) WHERE seq > coalesce((SELECT max(seq) FROM jobs), 0);
END;

CREATE TRIGGER shelf_history_removed AFTER DELETE ON history BEGIN
  UPDATE shelf_mark SET history = coalesce((SELECT max(id) FROM history), 0)
   WHERE history > coalesce((SELECT max(id) FROM history), 0);
END;
