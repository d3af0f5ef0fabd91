-- The values in a message, as JSON next to its English text, so that it can be shown in its reader's language.
-- oldest code: 8

ALTER TABLE mediavault.jobs    ADD COLUMN error_params  text;
ALTER TABLE mediavault.history ADD COLUMN detail_params text;
