-- Turns at the sites: claims look for work platform by platform, so that jobs whose site is closed, or whose turn is
-- not soon, cost them nothing. And the posts that an account has looked at within a day.

CREATE INDEX jobs_turns ON jobs (platform, created_at, id) WHERE status = 'queued';

ALTER TABLE gates ADD COLUMN offered_until INTEGER;
ALTER TABLE gates ADD COLUMN account_posts TEXT NOT NULL DEFAULT '[]';  -- JSON: job and microseconds, oldest first
ALTER TABLE gates ADD COLUMN account_cap INTEGER;
