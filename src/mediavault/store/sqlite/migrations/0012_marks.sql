-- Marks: what people note about posts, such as favourites, tags, collections and how far a video was watched.

CREATE TABLE marks (
  name  TEXT    NOT NULL,  -- as core/marks.py writes it
  job   INTEGER NOT NULL,  -- jobs.seq
  place INTEGER NOT NULL,  -- among the marks of that name; where nothing else was asked for, microseconds since 1970
  text  TEXT    NOT NULL,
  PRIMARY KEY (name, job)
) STRICT, WITHOUT ROWID;

CREATE INDEX marks_job   ON marks (job);
CREATE INDEX marks_place ON marks (name, place);
