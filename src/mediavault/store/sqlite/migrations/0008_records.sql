-- What the vault remembers besides its jobs: the owner, tokens, who is signed in, settings that were changed on the page.
CREATE TABLE records (
  kind       TEXT    NOT NULL,
  key        TEXT    NOT NULL,
  value      TEXT    NOT NULL,  -- a JSON object, its names in order
  updated_at INTEGER NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_expiring ON records (expires_at) WHERE expires_at IS NOT NULL;
