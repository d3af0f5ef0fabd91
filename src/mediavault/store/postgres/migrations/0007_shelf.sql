-- The shelf: every job as the library's pages look for it. It follows the jobs (store/shelf.py): who reads it first takes
-- over what has changed. So a claim or a completion writes nothing more, and rows of any release come to stand on it.
-- ``bytes`` and ``duration_s`` are -1 where they are not known, which puts them last.
-- oldest code: 1

CREATE TABLE mediavault.shelf (
  seq        bigint PRIMARY KEY,      -- jobs.seq
  id         text COLLATE "C" NOT NULL,
  created_at bigint NOT NULL,
  platform   text COLLATE "C" NOT NULL,
  status     text COLLATE "C" NOT NULL,
  account    text COLLATE "C",        -- key: platform/slug
  bytes      bigint NOT NULL,
  duration_s double precision NOT NULL,
  words      bigint NOT NULL,         -- tells whether its words in shelf_words are of today
  seen       bigint NOT NULL          -- the version of the job's row (xmin) that was taken over
) WITH (fillfactor = 80);

-- One for each order; what else is asked for is read from the index alone.
CREATE INDEX shelf_created  ON mediavault.shelf (created_at, id, status, duration_s);
CREATE INDEX shelf_platform ON mediavault.shelf (platform, created_at, id, status, duration_s);
CREATE INDEX shelf_account  ON mediavault.shelf (account, created_at, id, status, platform) WHERE account IS NOT NULL;
CREATE INDEX shelf_longest  ON mediavault.shelf (duration_s, created_at, id, status, platform);
CREATE INDEX shelf_largest  ON mediavault.shelf (bytes, created_at, id, status, platform, duration_s);

-- The words of store/search_words.py.
CREATE TABLE mediavault.shelf_words (
  seq   bigint PRIMARY KEY,
  words tsvector NOT NULL
);
CREATE INDEX shelf_words_found ON mediavault.shelf_words USING gin (words);

CREATE TABLE mediavault.shelf_accounts (
  key          text COLLATE "C" PRIMARY KEY,
  platform     text COLLATE "C" NOT NULL,
  slug         text   NOT NULL,
  handle       text,
  display_name text,
  line         text   NOT NULL DEFAULT '',  -- the words of both
  jobs         bigint NOT NULL,
  kept         bigint NOT NULL,
  bytes        bigint NOT NULL,
  duration_ms  bigint NOT NULL,
  latest_at    bigint NOT NULL DEFAULT 0
);
CREATE INDEX shelf_accounts_latest      ON mediavault.shelf_accounts (latest_at DESC, key);
CREATE INDEX shelf_accounts_of_platform ON mediavault.shelf_accounts (platform, latest_at DESC, key);

CREATE TABLE mediavault.shelf_totals (
  platform    text COLLATE "C" NOT NULL,
  status      text COLLATE "C" NOT NULL,
  jobs        bigint NOT NULL,
  bytes       bigint NOT NULL,
  duration_ms bigint NOT NULL,
  PRIMARY KEY (platform, status)
);

-- How far the shelf has followed. ``at``: what has changed before is seen, but for what was under way then. ``filled``: the
-- jobs that stood here before the shelf did are taken over up to this one, and ``fill_until`` is their last.
CREATE TABLE mediavault.shelf_mark (
  at         bigint NOT NULL,
  filled     bigint NOT NULL,
  fill_until bigint NOT NULL
);
LOCK TABLE mediavault.jobs IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO mediavault.shelf_mark
SELECT greatest(0, coalesce(max(updated_at), 0) - 10000000), 0, coalesce(max(seq), 0) FROM mediavault.jobs;

CREATE TABLE mediavault.shelf_stale (
  seq bigint PRIMARY KEY  -- of jobs that were removed since, or taken over from another store with the times they had there
);
CREATE FUNCTION mediavault.shelf_is_stale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO mediavault.shelf_stale VALUES (CASE TG_OP WHEN 'DELETE' THEN old.seq ELSE new.seq END) ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;
CREATE TRIGGER shelf_job_removed AFTER DELETE ON mediavault.jobs FOR EACH ROW EXECUTE FUNCTION mediavault.shelf_is_stale();
CREATE TRIGGER shelf_job_adopted AFTER INSERT ON mediavault.jobs FOR EACH ROW WHEN (new.status <> 'queued')
  EXECUTE FUNCTION mediavault.shelf_is_stale();
