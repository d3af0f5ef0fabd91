-- Which queued jobs are claimed first: 0 now, 1 normal, 2 later, as Priority.rank in core/job.py. Claims read the first jobs
-- of each platform from this index alone, whatever comes after them.

ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;

DROP INDEX jobs_turns;
CREATE INDEX jobs_turns ON jobs (platform, needs_session, priority, created_at, id) WHERE status = 'queued';
