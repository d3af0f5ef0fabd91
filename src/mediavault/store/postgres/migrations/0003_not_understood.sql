-- How many posts of each site no extractor understands is shown with the site's gate: counted without reading the jobs.
-- oldest code: 1

CREATE INDEX jobs_not_understood ON mediavault.jobs (failed_at, platform)
 WHERE status = 'failed' AND error_code = 'EXTRACTOR_BROKEN';
