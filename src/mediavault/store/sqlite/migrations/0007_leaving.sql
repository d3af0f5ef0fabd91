-- A worker that is asked to leave learns it at its next heartbeat. And what each has done since it began.

ALTER TABLE workers ADD COLUMN leaving INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN tally   TEXT    NOT NULL DEFAULT '';  -- name=count, a space between
