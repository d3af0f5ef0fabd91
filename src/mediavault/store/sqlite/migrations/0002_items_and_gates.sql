-- What became of each medium of a post, a person's choice among its candidates, and the sites' gates.

ALTER TABLE jobs ADD COLUMN items TEXT NOT NULL DEFAULT '[]';  -- JSON
ALTER TABLE jobs ADD COLUMN chosen_url TEXT;

CREATE TABLE gates (
  platform      TEXT    PRIMARY KEY,
  closed_until  INTEGER,
  probing_until INTEGER,
  strikes       INTEGER NOT NULL,
  code          TEXT,
  reason        TEXT    NOT NULL,
  next_turn_at  INTEGER
) STRICT, WITHOUT ROWID;
