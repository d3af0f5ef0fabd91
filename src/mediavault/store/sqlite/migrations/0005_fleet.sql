-- A job that needs a session goes on only where that session lies; it stands apart in the index, so that the claims of
-- all others do not read it. And what each worker takes and is signed in to.

ALTER TABLE jobs ADD COLUMN needs_session INTEGER NOT NULL DEFAULT 0;
DROP INDEX jobs_turns;
CREATE INDEX jobs_turns ON jobs (platform, needs_session, created_at, id) WHERE status = 'queued';

ALTER TABLE workers ADD COLUMN platforms TEXT NOT NULL DEFAULT '';  -- names, a space between; empty: all
ALTER TABLE workers ADD COLUMN signed_in TEXT NOT NULL DEFAULT '';
