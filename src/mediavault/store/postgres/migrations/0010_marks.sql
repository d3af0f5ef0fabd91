-- Marks: what people note about posts, such as favourites, tags, collections and how far a video was watched.
-- oldest code: 8

CREATE TABLE mediavault.marks (
  name  text COLLATE "C" NOT NULL,  -- as core/marks.py writes it
  job   bigint           NOT NULL REFERENCES mediavault.jobs (seq) ON DELETE CASCADE,
  place bigint           NOT NULL,  -- among the marks of that name; otherwise microseconds since 1970
  text  text COLLATE "C" NOT NULL,
  PRIMARY KEY (name, job)
);

CREATE INDEX marks_job   ON mediavault.marks (job);
CREATE INDEX marks_place ON mediavault.marks (name, place);
