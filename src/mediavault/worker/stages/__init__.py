"""The stages of a job, one file each: an I/O shell round a pure judgement."""
