-- The library is sorted by when its posts were published, which store/upgrade.py reads from their metadata.

ALTER TABLE mediavault.jobs ADD COLUMN posted_at bigint NOT NULL DEFAULT 0;
