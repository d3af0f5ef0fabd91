-- The values in a message, as JSON next to its English text, so that it can be shown in its reader's language.

ALTER TABLE jobs    ADD COLUMN error_params  TEXT;
ALTER TABLE history ADD COLUMN detail_params TEXT;
