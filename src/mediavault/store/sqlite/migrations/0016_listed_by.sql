-- The origin of the list that named a post: see NewJob in core/job.py. NULL where a user asked for it. Of posts that sources had
-- brought before, the list is not known.

ALTER TABLE jobs ADD COLUMN listed_by TEXT;

UPDATE jobs SET listed_by = ''
 WHERE priority = 2 AND EXISTS (SELECT 1 FROM marks WHERE marks.job = jobs.seq AND marks.name LIKE 'source/%');
