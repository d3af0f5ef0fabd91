-- The library is sorted by when its posts were published, which store/upgrade.py reads from their metadata.

ALTER TABLE jobs ADD COLUMN posted_at INTEGER NOT NULL DEFAULT 0;
DROP INDEX IF EXISTS jobs_account;  -- it has the new column, too
