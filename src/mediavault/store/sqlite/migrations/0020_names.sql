-- Names. What is looked up by more than its key gets tables, which schema.sql creates; store/upgrade.py fills them from the records
-- that held it before, and gives the values in records and tables their names too.
-- from: 15

ALTER TABLE gates RENAME TO site_limits;
ALTER TABLE site_limits RENAME COLUMN strikes TO failures;
ALTER TABLE site_limits RENAME COLUMN next_turn_at TO next_permit_at;
ALTER TABLE site_limits RENAME COLUMN offered_until TO reserved_until;
ALTER TABLE history RENAME COLUMN rung TO strategy;
ALTER TABLE library_accounts RENAME COLUMN kept TO saved;
ALTER TABLE library_totals RENAME COLUMN kept TO saved;
DROP INDEX jobs_turns;  -- jobs_claimable now

-- Of posts that sources have brought the list is not known.
ALTER TABLE jobs ADD COLUMN listed_by TEXT;
UPDATE jobs SET listed_by = ''
 WHERE priority = 2 AND EXISTS (SELECT 1 FROM marks WHERE marks.job = jobs.seq AND marks.name LIKE 'source/%');

-- In JSON a quote within a text is escaped, so these are names and values of an item.
UPDATE jobs SET items = replace(replace(items, '"status":"kept"', '"status":"saved"'), ',"kept":{', ',"saved":{')
 WHERE items LIKE '%"kept"%';

-- Posts with the same video are duplicates.
UPDATE marks SET name = 'duplicate' || substr(name, 5) WHERE name = 'twin' OR name LIKE 'twin/%';
