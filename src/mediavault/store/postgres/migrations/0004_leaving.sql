-- A worker that is asked to leave learns it at its next heartbeat. And what each has done since it began.
-- oldest code: 1

ALTER TABLE mediavault.workers ADD COLUMN leaving integer NOT NULL DEFAULT 0;
ALTER TABLE mediavault.workers ADD COLUMN tally text NOT NULL DEFAULT '';  -- name=count, a space between
