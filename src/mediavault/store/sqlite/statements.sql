-- The statements that only the SQLite store has. ``sql/dialects.py`` explains the names in braces. INDEXED BY pins the plan:
-- without it SQLite sorts the whole table once ANALYZE has seen every row queued. tests/unit/store/test_plans.py reads the plans.

-- name: paused
SELECT key FROM records WHERE kind = 'pause';

-- name: claim
UPDATE jobs
   SET status = 'running', attempt_count = attempt_count + 1, started_at = :now, updated_at = :now,
       claimed_by = :worker, lease_expires_at = :lease_expires_at,
       retry_at = NULL, error_code = NULL, error = NULL, failed_at = NULL,
       stage = 'claim', progress_pct = 0, bytes_done = 0, bytes_total = NULL
 WHERE seq IN (SELECT value FROM json_each(:seqs)) AND status = 'queued'
RETURNING {job};

-- name: complete
UPDATE jobs INDEXED BY jobs_id
   SET status = 'completed', updated_at = :now, completed_at = :now, claimed_by = NULL, lease_expires_at = NULL,
       stage = 'complete', progress_pct = 100, items = coalesce(:items, items), bytes_done = :bytes, bytes_total = :bytes,
       output_path = :output_path, thumbnail_path = :thumbnail_path,
       bytes = :bytes, sha256 = :sha256, duration_s = :duration_s, width = :width, height = :height
 WHERE {fence} RETURNING platform, account_key, seq;

-- name: put_words
INSERT OR REPLACE INTO library_words (rowid, line) VALUES (:seq, :line);

-- name: remove_words
DELETE FROM library_words WHERE rowid = :seq;
