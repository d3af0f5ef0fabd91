-- What is looked up by more than its key has tables, which store/tables.py declares; upgrade.py fills them from the records that
-- held it before.

CREATE TABLE mediavault.sources (
  id    text COLLATE "C" NOT NULL PRIMARY KEY,
  url   text COLLATE "C" NOT NULL,
  value text NOT NULL
);
CREATE INDEX sources_url ON mediavault.sources (url);

CREATE TABLE mediavault.source_states (
  id      text COLLATE "C" NOT NULL PRIMARY KEY,
  due_at  bigint NOT NULL,
  waiting bigint NOT NULL,
  value   text NOT NULL
);
CREATE INDEX source_states_due     ON mediavault.source_states (due_at, id);
CREATE INDEX source_states_waiting ON mediavault.source_states (waiting, id);

CREATE TABLE mediavault.source_entries (
  source    text COLLATE "C" NOT NULL,
  post      text COLLATE "C" NOT NULL,
  state     text COLLATE "C" NOT NULL,
  place     bigint,                     -- among those of the source that wait for their turn
  listed_at bigint,
  gone_at   bigint,
  value     text NOT NULL,              -- JSON
  PRIMARY KEY (source, post)
);
CREATE INDEX source_entries_waiting ON mediavault.source_entries (source, place, post) WHERE place IS NOT NULL;
CREATE INDEX source_entries_listed  ON mediavault.source_entries (source, listed_at) WHERE listed_at IS NOT NULL;
CREATE INDEX source_entries_gone    ON mediavault.source_entries (source, gone_at, post) WHERE gone_at IS NOT NULL;

CREATE TABLE mediavault.deferred_work (
  work   text COLLATE "C" NOT NULL,
  job    text COLLATE "C" NOT NULL,
  due_at bigint NOT NULL,
  value  text NOT NULL,
  PRIMARY KEY (work, job)
);
CREATE INDEX deferred_work_due ON mediavault.deferred_work (work, due_at, job);

CREATE TABLE mediavault.trash (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,
  deleted_at bigint NOT NULL,
  batch      text COLLATE "C" NOT NULL,
  bytes      bigint NOT NULL,   -- of its files
  unmoved    bigint,            -- how many files are still to be moved to the trash
  value      text NOT NULL      -- JSON
);
CREATE INDEX trash_deleted ON mediavault.trash (deleted_at, id, bytes);
CREATE INDEX trash_batch   ON mediavault.trash (batch, deleted_at, id);
CREATE INDEX trash_unmoved ON mediavault.trash (unmoved, id) WHERE unmoved IS NOT NULL;

CREATE TABLE mediavault.trashed_words (
  id    text COLLATE "C" NOT NULL PRIMARY KEY,
  value text NOT NULL
);
