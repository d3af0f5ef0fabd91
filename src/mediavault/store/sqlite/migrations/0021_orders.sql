-- The library is sorted by when its posts were published and by their titles, which store/upgrade.py reads from their metadata.

ALTER TABLE jobs ADD COLUMN posted_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN title_key TEXT NOT NULL DEFAULT '';
DROP INDEX IF EXISTS jobs_account;  -- it has the new columns, too
