-- How many posts of each site no extractor understands is shown with the site's gate: counted without reading the jobs.

CREATE INDEX jobs_not_understood ON jobs (failed_at, platform) WHERE status = 'failed' AND error_code = 'EXTRACTOR_BROKEN';
