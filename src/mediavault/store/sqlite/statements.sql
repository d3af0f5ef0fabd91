-- Every fixed statement of the SQLite store. The names in braces are lists of columns in store/rows.py.
-- Statuses are literals, since only then may a partial index be used; INDEXED BY pins the plan: without it SQLite
-- sorts the whole table once ANALYZE has seen every row queued. tests/unit/store/test_plans.py reads each plan.

-- name: enqueue
INSERT INTO jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at, max_attempts, profile,
                  priority, listed_by, metadata)
SELECT :id, :trace_id, :post_url, :canonical_url, :platform, :now, :now, :max_attempts, :profile, :priority, :listed_by,
       :metadata
 WHERE NOT EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_post WHERE canonical_url = :canonical_url)
RETURNING {job};

-- name: enqueue_version
INSERT INTO jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at, max_attempts, profile,
                  priority, listed_by, metadata, version)
SELECT :id, :trace_id, :post_url, :canonical_url, :platform, :now, :now, :max_attempts, :profile, :priority, :listed_by,
       :metadata,
       coalesce((SELECT max(version) FROM jobs INDEXED BY jobs_post WHERE canonical_url = :canonical_url), 0) + 1
RETURNING {job};

-- name: newest_of_post
SELECT {job} FROM jobs INDEXED BY jobs_post WHERE canonical_url = :canonical_url ORDER BY version DESC LIMIT 1;

-- name: adopt
UPDATE jobs INDEXED BY jobs_id SET listed_by = NULL, post_url = :post_url, updated_at = :now WHERE id = :id
RETURNING {job};

-- name: queued_platforms
WITH RECURSIVE queued (platform) AS (
  SELECT (SELECT platform FROM jobs INDEXED BY jobs_turns WHERE status = 'queued' ORDER BY platform LIMIT 1)
  UNION ALL
  SELECT (SELECT platform FROM jobs INDEXED BY jobs_turns
           WHERE status = 'queued' AND platform > queued.platform ORDER BY platform LIMIT 1)
    FROM queued WHERE queued.platform IS NOT NULL
)
SELECT queued.platform, {gate} FROM queued LEFT JOIN gates ON gates.platform = queued.platform
 WHERE queued.platform IS NOT NULL;

-- name: first_queued
SELECT priority, created_at, id, seq FROM jobs INDEXED BY jobs_turns
 WHERE status = 'queued' AND platform = :platform AND needs_session = :needs_session
   AND priority <= :lowest
 ORDER BY priority, created_at, id LIMIT :limit;

-- name: paused
SELECT key FROM records WHERE kind = 'pause';

-- name: of_seqs
SELECT {job} FROM jobs WHERE seq IN (SELECT value FROM json_each(:seqs));

-- name: claim
UPDATE jobs
   SET status = 'running', attempt_count = attempt_count + 1, started_at = :now, updated_at = :now,
       claimed_by = :worker, lease_expires_at = :lease_expires_at,
       retry_at = NULL, error_code = NULL, error = NULL, failed_at = NULL,
       stage = 'claim', progress_pct = 0, bytes_done = 0, bytes_total = NULL
 WHERE seq IN (SELECT value FROM json_each(:seqs)) AND status = 'queued'
RETURNING {job};

-- name: renew
UPDATE jobs SET lease_expires_at = :lease_expires_at
 WHERE seq IN (SELECT jobs.seq
                 FROM json_each(:held) AS held CROSS JOIN jobs INDEXED BY jobs_id ON jobs.id = held.value ->> 0
                WHERE jobs.attempt_count = held.value ->> 1 AND jobs.status = 'running' AND jobs.claimed_by = :worker)
RETURNING id;

-- name: checkpoint
UPDATE jobs INDEXED BY jobs_id
   SET updated_at = :now, stage = 'checkpoint', progress_pct = :progress_pct, source_type = :source_type,
       extracted_url = :extracted_url, extracted_url_expires_at = :extracted_url_expires_at,
       candidates = :candidates, image_urls = :image_urls, account = :account, thumbnail_url = :thumbnail_url,
       metadata = :metadata, account_key = :account_key, items = :items
 WHERE id = :id AND status = 'running' AND attempt_count = :fence
RETURNING seq;

-- name: progress
UPDATE jobs INDEXED BY jobs_id
   SET updated_at = :now, stage = :stage, progress_pct = :progress_pct, bytes_done = :bytes_done, bytes_total = :bytes_total,
       duration_s = coalesce(:duration_s, duration_s)
 WHERE id = :id AND status = 'running' AND attempt_count = :fence
RETURNING seq;

-- name: save_items
UPDATE jobs INDEXED BY jobs_id SET updated_at = :now, items = :items
 WHERE id = :id AND status = 'running' AND attempt_count = :fence
RETURNING seq;

-- name: begin_commit
UPDATE jobs INDEXED BY jobs_id
   SET updated_at = :now, stage = 'committing', items = coalesce(:items, items), output_path = :output_path, thumbnail_path = :thumbnail_path,
       bytes = :bytes, sha256 = :sha256, duration_s = :duration_s, width = :width, height = :height
 WHERE id = :id AND status = 'running' AND attempt_count = :fence
RETURNING seq;

-- name: complete
UPDATE jobs INDEXED BY jobs_id
   SET status = 'completed', updated_at = :now, completed_at = :now, claimed_by = NULL, lease_expires_at = NULL,
       stage = 'complete', progress_pct = 100, items = coalesce(:items, items), bytes_done = :bytes, bytes_total = :bytes,
       output_path = :output_path, thumbnail_path = :thumbnail_path,
       bytes = :bytes, sha256 = :sha256, duration_s = :duration_s, width = :width, height = :height
 WHERE id = :id AND status = 'running' AND attempt_count = :fence
RETURNING platform, account_key, seq;

-- name: fail
UPDATE jobs INDEXED BY jobs_id
   SET status = 'failed', updated_at = :now, failed_at = :now, claimed_by = NULL, lease_expires_at = NULL,
       error_code = :error_code, error = :error, error_params = :error_params, retry_at = :retry_at,
       max_attempts = max_attempts + :spared
 WHERE id = :id AND status = 'running' AND attempt_count = :fence
RETURNING {job};

-- name: release
UPDATE jobs INDEXED BY jobs_id
   SET status = 'queued', updated_at = :now, claimed_by = NULL, lease_expires_at = NULL, max_attempts = max_attempts + 1,
       needs_session = max(needs_session, :needs_session)
 WHERE id = :id AND status = 'running' AND attempt_count = :fence
RETURNING seq;

-- name: release_session_jobs
UPDATE jobs INDEXED BY jobs_turns SET needs_session = 0, updated_at = :now
 WHERE status = 'queued' AND platform IN (SELECT value FROM json_each(:missing)) AND needs_session = 1 AND updated_at <= :before
RETURNING seq;

-- name: recover
UPDATE jobs INDEXED BY jobs_running
   SET status = 'failed', updated_at = :now, failed_at = :now, claimed_by = NULL, lease_expires_at = NULL,
       error_code = 'RECOVERED_FROM_RESTART', error = :error,
       retry_at = CASE WHEN attempt_count < max_attempts + (stage IS 'committing') THEN :retry_at END
 WHERE status = 'running' AND lease_expires_at <= :ended_before
RETURNING seq, id, trace_id, attempt_count, retry_at;

-- name: promote_due
UPDATE jobs SET status = 'queued', updated_at = :now, retry_at = NULL
 WHERE seq IN (SELECT seq FROM jobs INDEXED BY jobs_due
                WHERE retry_at IS NOT NULL AND retry_at <= :now ORDER BY retry_at LIMIT :limit)
RETURNING seq;

-- name: cancel
UPDATE jobs INDEXED BY jobs_id
   SET status = 'cancelled', updated_at = :now, claimed_by = NULL, lease_expires_at = NULL, retry_at = NULL
 WHERE id = :id
RETURNING {job};

-- name: retry
UPDATE jobs INDEXED BY jobs_id
   SET status = 'queued', updated_at = :now, retry_at = NULL, max_attempts = max(max_attempts, attempt_count + 1),
       needs_session = 0, chosen_url = coalesce(:chosen_url, chosen_url), profile = coalesce(:profile, profile)
 WHERE id = :id
RETURNING {job};

-- name: set_priority
UPDATE jobs INDEXED BY jobs_id SET priority = :priority, updated_at = :now WHERE id = :id
RETURNING {job};

-- name: remove
DELETE FROM jobs INDEXED BY jobs_id WHERE id = :id AND updated_at = coalesce(:as_of, updated_at) RETURNING {job};

-- name: relocate
UPDATE jobs INDEXED BY jobs_id
   SET updated_at = :now, items = :items, output_path = :output_path, thumbnail_path = :thumbnail_path
 WHERE id = :id AND status = 'completed' AND updated_at = :as_of
RETURNING seq;

-- name: remove_history
DELETE FROM history INDEXED BY history_job WHERE job = :seq;

-- name: remove_marks_of_job
DELETE FROM marks INDEXED BY marks_job WHERE job = :seq;

-- name: import_job
INSERT INTO jobs ({stored}) VALUES ({stored_values}) ON CONFLICT DO NOTHING RETURNING seq;

-- name: append_history
INSERT INTO history (job, at, attempt, stage, outcome, rung, error_code, detail, bytes, duration_ms, detail_params)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: seq_of
SELECT seq FROM jobs INDEXED BY jobs_id WHERE id = :id;

-- name: account_key_of
SELECT account_key FROM jobs INDEXED BY jobs_id WHERE id = :id;

-- name: entries
SELECT {entry} FROM jobs WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: set_account_key
UPDATE jobs SET account_key = :account_key WHERE seq = :seq;

-- name: put_words
INSERT INTO library_words (rowid, line) VALUES (:seq, :line);

-- name: entry
SELECT {entry} FROM jobs INDEXED BY jobs_id WHERE id = :id;

-- name: further_words
SELECT source, line FROM job_words WHERE job = :seq;

-- name: put_further_words
INSERT INTO job_words (job, source, line) VALUES (:seq, :source, :line)
ON CONFLICT (job, source) DO UPDATE SET line = excluded.line;

-- name: remove_further_words
DELETE FROM job_words WHERE job = :seq AND source = :source;

-- name: remove_words
DELETE FROM library_words WHERE rowid = :seq;

-- name: add_totals
INSERT INTO library_totals VALUES (:platform, :kept, :bytes, :duration_ms)
ON CONFLICT DO UPDATE SET kept = kept + excluded.kept, bytes = bytes + excluded.bytes, duration_ms = duration_ms + excluded.duration_ms;

-- name: add_account
INSERT INTO library_accounts (key, platform, slug, jobs, kept, bytes, duration_ms)
VALUES (:key, :platform, :slug, :jobs, :kept, :bytes, :duration_ms)
ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs, kept = kept + excluded.kept, bytes = bytes + excluded.bytes,
                          duration_ms = duration_ms + excluded.duration_ms;

-- name: newest_of_account
SELECT created_at, account FROM jobs INDEXED BY jobs_account
 WHERE account_key = :key ORDER BY created_at DESC, id DESC LIMIT 1;

-- name: name_account
UPDATE library_accounts SET handle = :handle, display_name = :display_name, line = :line, latest_at = :latest_at WHERE key = :key;

-- name: drop_account
DELETE FROM library_accounts WHERE key = :key AND jobs <= 0;

