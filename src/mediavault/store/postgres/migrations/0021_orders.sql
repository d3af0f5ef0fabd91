-- The library is sorted by when its posts were published and by their titles, which store/upgrade.py reads from their metadata.

ALTER TABLE mediavault.jobs ADD COLUMN posted_at bigint NOT NULL DEFAULT 0;
ALTER TABLE mediavault.jobs ADD COLUMN title_key text COLLATE "C" NOT NULL DEFAULT '';
