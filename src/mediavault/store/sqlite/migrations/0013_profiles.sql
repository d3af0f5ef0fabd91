-- The name of the form in which a post is saved: see core/profiles.py. NULL in rows of versions without profiles.

ALTER TABLE jobs ADD COLUMN profile TEXT;
