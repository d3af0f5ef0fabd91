-- What jobs are found by apart from their own texts, such as the words of their subtitles. library_words has these words
-- too; here they wait for the next time that a job's row of it is written.

CREATE TABLE job_words (
  job    INTEGER NOT NULL,  -- jobs.seq
  source TEXT    NOT NULL,  -- as WordSource in store/search_words.py
  line   TEXT    NOT NULL,
  PRIMARY KEY (job, source)
) STRICT, WITHOUT ROWID;

-- Code that does not know the table removes jobs too.
CREATE TRIGGER job_words_removed AFTER DELETE ON jobs BEGIN
  DELETE FROM job_words WHERE job = old.seq;
END;
