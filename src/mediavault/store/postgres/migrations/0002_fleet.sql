-- A job that needs a session goes on only where that session lies; it stands apart in the index, so that the claims of
-- all others do not read it. And what each worker takes and is signed in to.
-- oldest code: 1

ALTER TABLE mediavault.jobs ADD COLUMN needs_session integer NOT NULL DEFAULT 0;
DROP INDEX mediavault.jobs_ready;
CREATE INDEX jobs_ready ON mediavault.jobs (platform, needs_session, created_at, id) WHERE status = 'queued';

ALTER TABLE mediavault.workers ADD COLUMN platforms text NOT NULL DEFAULT '';  -- names, a space between; empty: all
ALTER TABLE mediavault.workers ADD COLUMN signed_in text NOT NULL DEFAULT '';
