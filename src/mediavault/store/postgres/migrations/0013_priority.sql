-- Which queued jobs are claimed first: 0 now, 1 normal, 2 later, as Priority.rank in core/job.py. Claims read the first jobs
-- of each platform from this index alone, whatever comes after them. Older code goes by age only, and sorts for it.
-- oldest code: 8

ALTER TABLE mediavault.jobs ADD COLUMN priority smallint NOT NULL DEFAULT 1;

DROP INDEX mediavault.jobs_ready;
CREATE INDEX jobs_ready ON mediavault.jobs (platform, needs_session, priority, created_at, id) WHERE status = 'queued';
