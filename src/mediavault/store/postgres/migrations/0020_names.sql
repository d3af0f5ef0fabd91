-- Names. What is looked up by more than its key gets tables, which schema.sql creates; store/upgrade.py fills them from the records
-- that held it before, and gives the values in records and tables their names too.
-- from: 13

ALTER TABLE mediavault.gates RENAME TO site_limits;
ALTER TABLE mediavault.site_limits RENAME CONSTRAINT gates_pkey TO site_limits_pkey;
ALTER TABLE mediavault.site_limits RENAME COLUMN strikes TO failures;
ALTER TABLE mediavault.site_limits RENAME COLUMN next_turn_at TO next_permit_at;
ALTER TABLE mediavault.site_limits RENAME COLUMN offered_until TO reserved_until;
ALTER TABLE mediavault.history RENAME COLUMN rung TO strategy;
ALTER TABLE mediavault.library_accounts RENAME COLUMN kept TO saved;
ALTER TABLE mediavault.library_totals RENAME COLUMN kept TO saved;

-- Of posts that sources have brought the list is not known.
ALTER TABLE mediavault.jobs ADD COLUMN listed_by text;
UPDATE mediavault.jobs SET listed_by = ''
 WHERE priority = 2 AND EXISTS (SELECT FROM mediavault.marks WHERE marks.job = jobs.seq AND marks.name LIKE 'source/%');

-- In JSON a quote within a text is escaped, so these are names and values of an item.
UPDATE mediavault.jobs
   SET items = replace(replace(items, '"status":"kept"', '"status":"saved"'), ',"kept":{', ',"saved":{')
 WHERE items LIKE '%"kept"%';

-- Posts with the same video are duplicates.
UPDATE mediavault.marks SET name = 'duplicate' || substr(name, 5) WHERE name = 'twin' OR name LIKE 'twin/%';
