-- The name of the form in which a post is saved: see core/profiles.py. NULL in rows of versions without profiles.
-- oldest code: 8

ALTER TABLE mediavault.jobs ADD COLUMN profile text;
