-- What the vault remembers besides its jobs: the owner, tokens, who is signed in, settings that were changed on the page.
-- oldest code: 1

CREATE TABLE mediavault.records (
  kind       text   NOT NULL,
  key        text   COLLATE "C" NOT NULL,
  value      text   NOT NULL,  -- a JSON object, its names in order
  updated_at bigint NOT NULL,
  expires_at bigint,
  PRIMARY KEY (kind, key)
);
CREATE INDEX records_expiring ON mediavault.records (expires_at) WHERE expires_at IS NOT NULL;
