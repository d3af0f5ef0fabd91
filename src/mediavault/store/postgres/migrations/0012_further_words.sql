-- What jobs are found by apart from their own texts, such as the words of their subtitles. library_words has these words
-- too; here they wait for the next time that a job's row of it is written.
-- oldest code: 8

CREATE TABLE mediavault.job_words (
  job    bigint           NOT NULL REFERENCES mediavault.jobs (seq) ON DELETE CASCADE,
  source text COLLATE "C" NOT NULL,  -- as WordSource in store/search_words.py
  line   text             NOT NULL,
  PRIMARY KEY (job, source)
);
