-- What is looked up by more than its key has tables, which store/tables.py declares; upgrade.py fills them from the records that
-- held it before.

CREATE TABLE sources (
  id    TEXT NOT NULL PRIMARY KEY,
  url   TEXT NOT NULL,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sources_url ON sources (url);

CREATE TABLE source_states (
  id      TEXT NOT NULL PRIMARY KEY,
  due_at  INTEGER NOT NULL,
  waiting INTEGER NOT NULL,
  value   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX source_states_due     ON source_states (due_at, id);
CREATE INDEX source_states_waiting ON source_states (waiting, id);

CREATE TABLE source_entries (
  source    TEXT NOT NULL,
  post      TEXT NOT NULL,
  state     TEXT NOT NULL,
  place     INTEGER,           -- among those of the source that wait for their turn
  listed_at INTEGER,
  gone_at   INTEGER,
  value     TEXT NOT NULL,     -- JSON
  PRIMARY KEY (source, post)
) STRICT;
CREATE INDEX source_entries_waiting ON source_entries (source, place, post) WHERE place IS NOT NULL;
CREATE INDEX source_entries_listed  ON source_entries (source, listed_at) WHERE listed_at IS NOT NULL;
CREATE INDEX source_entries_gone    ON source_entries (source, gone_at, post) WHERE gone_at IS NOT NULL;

CREATE TABLE deferred_work (
  work   TEXT NOT NULL,
  job    TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (work, job)
) STRICT, WITHOUT ROWID;
CREATE INDEX deferred_work_due ON deferred_work (work, due_at, job);

CREATE TABLE trash (
  id         TEXT NOT NULL PRIMARY KEY,
  deleted_at INTEGER NOT NULL,
  batch      TEXT NOT NULL,
  bytes      INTEGER NOT NULL,  -- of its files
  unmoved    INTEGER,           -- how many files are still to be moved to the trash
  value      TEXT NOT NULL      -- JSON
) STRICT;
CREATE INDEX trash_deleted ON trash (deleted_at, id, bytes);
CREATE INDEX trash_batch   ON trash (batch, deleted_at, id);
CREATE INDEX trash_unmoved ON trash (unmoved, id) WHERE unmoved IS NOT NULL;

CREATE TABLE trashed_words (
  id    TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
