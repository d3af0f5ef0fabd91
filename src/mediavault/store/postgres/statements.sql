-- Every fixed statement of the PostgreSQL store. The names in braces are lists of columns in store/rows.py;
-- ``{t}`` is the moment of the statement, once, by the database's clock unless a test brings its own in ``:now``.
-- Statuses are literals, since only then may a partial index be used. A move and its record in the history are one
-- statement, so one round trip and one transaction. tests/contract/test_postgres_plans.py reads the plans.

-- name: enqueue
WITH {t},
new AS (
  INSERT INTO mediavault.jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at, max_attempts, profile,
                               priority, listed_by, metadata)
  SELECT d.id, d.trace_id, d.post_url, d.canonical_url, d.platform, t.now + d.place - 1, t.now + d.place - 1, d.max_attempts,
         d.profile, d.priority, d.listed_by, d.metadata
    FROM t, unnest(:ids::text[], :trace_ids::text[], :post_urls::text[], :canonical_urls::text[], :platforms::text[],
                   :max_attempts::int[], :profiles::text[], :priorities::smallint[], :listed_by::text[],
                   :metadata::text[])
            WITH ORDINALITY AS d(id, trace_id, post_url, canonical_url, platform, max_attempts, profile, priority, listed_by,
                                 metadata, place)
   WHERE NOT EXISTS (SELECT FROM mediavault.jobs AS known WHERE known.canonical_url = d.canonical_url)
   ORDER BY d.canonical_url  -- two calls that store the same posts lock them in the same order
  ON CONFLICT (canonical_url, version) DO NOTHING
  RETURNING {job}
),
words AS (
  INSERT INTO mediavault.library_words (seq, words)
  SELECT new.seq, d.words::tsvector FROM new JOIN unnest(:ids, :lines::text[]) AS d(id, words) ON d.id = new.id
)
SELECT new.*, pg_notify('mediavault_work', '') FROM new;

-- name: enqueue_version
WITH {t},
new AS (
  INSERT INTO mediavault.jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at, max_attempts, profile,
                               priority, listed_by, metadata, version)
  SELECT :id::text, :trace_id::text, :post_url::text, :canonical_url::text, :platform::text, t.now + :place::bigint, t.now + :place, :max_attempts::int, :profile::text,
         :priority::smallint, :listed_by::text, :metadata::text,
         coalesce((SELECT max(version) FROM mediavault.jobs WHERE canonical_url = :canonical_url), 0) + 1
    FROM t
  ON CONFLICT (canonical_url, version) DO NOTHING
  RETURNING {job}
),
words AS (
  INSERT INTO mediavault.library_words (seq, words) SELECT seq, :line::text::tsvector FROM new
)
SELECT new.*, pg_notify('mediavault_work', '') FROM new;

-- name: adopt
WITH {t}
UPDATE mediavault.jobs SET listed_by = NULL, post_url = asked.url, updated_at = t.now
  FROM t, unnest(:canonical_urls::text[], :post_urls::text[]) AS asked(post, url)
 WHERE id = ANY(:ids::text[]) AND canonical_url = asked.post AND listed_by IS NOT NULL
RETURNING {job};

-- name: queued_platforms
WITH RECURSIVE queued (platform) AS (
  (SELECT platform FROM mediavault.jobs WHERE status = 'queued' ORDER BY platform LIMIT 1)
  UNION ALL
  SELECT (SELECT platform FROM mediavault.jobs
           WHERE status = 'queued' AND platform > queued.platform ORDER BY platform LIMIT 1)
    FROM queued WHERE queued.platform IS NOT NULL
)
SELECT platform FROM queued WHERE platform IS NOT NULL;

-- name: claim
-- ``turns`` and ``places`` are site_limits.capacity() in SQL. A gate that another claim has locked hands out no job of ours.
WITH {t},
turns AS MATERIALIZED (
  SELECT platform FROM mediavault.gates, t
   WHERE platform = ANY(:platforms::text[]) AND (next_turn_at IS NOT NULL OR strikes > 0)
     AND coalesce(greatest(closed_until, probing_until) <= t.now, true)
     AND NOT coalesce(next_turn_at > t.now + :soon::bigint AND next_turn_at <= t.now + :out_of_sight::bigint, false)
     AND NOT coalesce(offered_until > t.now AND offered_until <= t.now + :out_of_sight, false)
     FOR UPDATE OF gates SKIP LOCKED
),
places AS MATERIALIZED (
  SELECT platform, 1 AS room FROM turns
  UNION ALL
  SELECT queued.platform, :limit::int FROM unnest(:platforms) AS queued (platform)
   WHERE NOT EXISTS (SELECT FROM mediavault.gates, t
                      WHERE gates.platform = queued.platform
                        AND (next_turn_at IS NOT NULL OR strikes > 0 OR greatest(closed_until, probing_until) > t.now))
),
first AS MATERIALIZED (
  SELECT one.* FROM places CROSS JOIN LATERAL (
    SELECT of_lane.* FROM unnest(CASE WHEN places.platform = ANY(:sessions::text[]) THEN ARRAY[0, 1] ELSE ARRAY[0] END)
                        AS lane (needs_session)
    CROSS JOIN LATERAL (
      SELECT seq AS picked, priority AS rank, created_at AS born, id AS of_id FROM mediavault.jobs
       WHERE status = 'queued' AND jobs.platform = places.platform AND jobs.needs_session = lane.needs_session
         AND priority <= :lowest::smallint AND (priority, created_at) >= (:mark_rank::smallint, :mark::bigint)
       ORDER BY priority, created_at, id LIMIT places.room FOR UPDATE SKIP LOCKED
    ) AS of_lane ORDER BY rank, born, of_id LIMIT places.room
  ) AS one
   WHERE NOT EXISTS (SELECT FROM mediavault.records WHERE kind = 'pause' AND key IN ('*', places.platform))
   ORDER BY rank, born, of_id LIMIT :limit
),
taken AS (
  UPDATE mediavault.jobs AS jobs
     SET status = 'running', attempt_count = attempt_count + 1, started_at = t.now, updated_at = t.now,
         claimed_by = :worker::text, lease_expires_at = t.now + :lease::bigint,
         retry_at = NULL, error_code = NULL, error = NULL, failed_at = NULL,
         stage = 'claim', progress_pct = 0, bytes_done = 0, bytes_total = NULL
    FROM first, t WHERE jobs.seq = first.picked
  RETURNING {job}
),
taken_h AS (
  INSERT INTO mediavault.history (job, at, attempt, stage, outcome, detail)
  SELECT seq, started_at, attempt_count, 'claim', 'ok', :worker FROM taken
),
offered AS (
  UPDATE mediavault.gates SET offered_until = t.now + :offered_for::bigint
    FROM turns, t WHERE gates.platform = turns.platform AND gates.platform IN (SELECT platform FROM taken)
)
SELECT * FROM taken ORDER BY priority, created_at, id;

-- name: complete
-- Many at once. By the primary key and never by the status: with it the planner takes jobs_running, and reads every
-- dead entry of that index while an old snapshot is held.
WITH {t},
done AS (
  UPDATE mediavault.jobs AS jobs
     SET status = 'completed', updated_at = t.now, completed_at = t.now, claimed_by = NULL, lease_expires_at = NULL,
         stage = 'complete', progress_pct = 100, items = coalesce(d.new_items, jobs.items), bytes_done = d.size, bytes_total = d.size,
         output_path = d.path, thumbnail_path = d.picture, bytes = d.size, sha256 = d.hash,
         duration_s = d.lasts_s, width = d.wide, height = d.high
    FROM t, unnest(:ids::text[], :fences::int[], :items::text[], :output_paths::text[], :thumbnail_paths::text[], :bytes::bigint[],
                   :sha256s::text[], :durations::float8[], :widths::int[], :heights::int[])
            AS d(of_id, fence, new_items, path, picture, size, hash, lasts_s, wide, high)
   WHERE jobs.id = d.of_id AND jobs.attempt_count = d.fence AND jobs.lease_expires_at IS NOT NULL
  RETURNING jobs.id, jobs.seq, t.now, jobs.started_at, jobs.attempt_count, d.size, jobs.platform, jobs.account_key,
            greatest(0, round(d.lasts_s * 1000))::bigint AS lasts_ms
),
done_h AS (
  INSERT INTO mediavault.history (job, at, attempt, stage, outcome, bytes, duration_ms)
  SELECT seq, now, attempt_count, 'complete', 'ok', size, greatest(0, (now - started_at) / 1000) FROM done
),
totals AS (
  INSERT INTO mediavault.library_totals AS known (platform, kept, bytes, duration_ms)
  SELECT platform, count(*), sum(size), sum(lasts_ms) FROM done GROUP BY platform ORDER BY platform
  ON CONFLICT (platform) DO UPDATE
     SET kept = known.kept + excluded.kept, bytes = known.bytes + excluded.bytes, duration_ms = known.duration_ms + excluded.duration_ms
),
accounts AS (
  INSERT INTO mediavault.library_accounts AS known (key, platform, slug, jobs, kept, bytes, duration_ms)
  SELECT account_key, split_part(account_key, '/', 1), split_part(account_key, '/', 2), 0, count(*), sum(size), sum(lasts_ms)
    FROM done WHERE account_key IS NOT NULL GROUP BY account_key ORDER BY account_key
  ON CONFLICT (key) DO UPDATE
     SET kept = known.kept + excluded.kept, bytes = known.bytes + excluded.bytes, duration_ms = known.duration_ms + excluded.duration_ms
)
SELECT id FROM done;

-- name: renew
WITH {t}
UPDATE mediavault.jobs AS jobs SET lease_expires_at = t.now + :lease::bigint
  FROM t, unnest(:ids::text[], :fences::int[]) AS held(id, fence)
 WHERE jobs.id = held.id AND attempt_count = held.fence AND lease_expires_at IS NOT NULL AND claimed_by = :worker::text
RETURNING jobs.id;

-- name: checkpoint
WITH {t},
j AS (
  UPDATE mediavault.jobs
     SET updated_at = t.now, stage = 'checkpoint', progress_pct = :progress_pct::int, source_type = :source_type::text,
         extracted_url = :extracted_url::text, extracted_url_expires_at = :extracted_url_expires_at::bigint,
         candidates = :candidates::text, image_urls = :image_urls::text, account = :account::text,
         thumbnail_url = :thumbnail_url::text, metadata = :metadata::text, account_key = :account_key::text,
         items = :items::text
    FROM t WHERE id = :id::text AND attempt_count = :fence::int AND lease_expires_at IS NOT NULL
  RETURNING seq, t.now
)
INSERT INTO mediavault.history (job, at, attempt, stage, outcome)
SELECT seq, now, :fence, 'checkpoint', 'ok' FROM j RETURNING job;

-- name: progress
WITH {t}
UPDATE mediavault.jobs
   SET updated_at = t.now, stage = :stage::text, progress_pct = :progress_pct::int, bytes_done = :bytes_done::bigint,
       bytes_total = :bytes_total::bigint, duration_s = coalesce(:duration_s::float8, duration_s)
  FROM t WHERE id = :id::text AND attempt_count = :fence::int AND lease_expires_at IS NOT NULL
RETURNING seq;

-- name: save_items
WITH {t}
UPDATE mediavault.jobs SET updated_at = t.now, items = :items::text
  FROM t WHERE id = :id::text AND attempt_count = :fence::int AND lease_expires_at IS NOT NULL
RETURNING seq;

-- name: begin_commit
WITH {t},
j AS (
  UPDATE mediavault.jobs
     SET updated_at = t.now, stage = 'committing', items = coalesce(:items::text, items), output_path = :output_path::text,
         thumbnail_path = :thumbnail_path::text, bytes = :bytes::bigint, sha256 = :sha256::text,
         duration_s = :duration_s::float8, width = :width::int, height = :height::int
    FROM t WHERE id = :id::text AND attempt_count = :fence::int AND lease_expires_at IS NOT NULL
  RETURNING seq, t.now
)
INSERT INTO mediavault.history (job, at, attempt, stage, outcome, detail, bytes)
SELECT seq, now, :fence, 'committing', 'ok', :output_path, :bytes FROM j RETURNING job;

-- name: fail
WITH {t},
j AS (
  UPDATE mediavault.jobs
     SET status = 'failed', updated_at = t.now, failed_at = t.now, claimed_by = NULL, lease_expires_at = NULL,
         error_code = :error_code::text, error = :error::text, error_params = :error_params::text,
         retry_at = t.now + :retry_in::bigint,
         max_attempts = max_attempts + :spared::int
    FROM t WHERE id = :id::text AND attempt_count = :fence::int AND lease_expires_at IS NOT NULL
  RETURNING {job}
),
h AS (
  INSERT INTO mediavault.history (job, at, attempt, stage, outcome, error_code, detail, detail_params, duration_ms)
  SELECT seq, updated_at, :fence, 'fail', 'failed', :error_code, :error, :error_params,
         greatest(0, (updated_at - started_at) / 1000) FROM j
)
SELECT * FROM j;

-- name: release
WITH {t},
j AS (
  UPDATE mediavault.jobs
     SET status = 'queued', updated_at = t.now, claimed_by = NULL, lease_expires_at = NULL, max_attempts = max_attempts + 1,
         needs_session = greatest(needs_session, :needs_session::int)
    FROM t WHERE id = :id::text AND attempt_count = :fence::int AND lease_expires_at IS NOT NULL
  RETURNING seq, t.now
),
h AS (
  INSERT INTO mediavault.history (job, at, attempt, stage, outcome)
  SELECT seq, now, :fence, 'release', 'ok' FROM j
)
SELECT seq, pg_notify('mediavault_work', '') FROM j;

-- name: release_session_jobs
WITH {t},
j AS (
  UPDATE mediavault.jobs SET needs_session = 0, updated_at = t.now
    FROM t WHERE status = 'queued' AND needs_session = 1 AND platform = ANY(:missing::text[])
             AND updated_at <= t.now - :waiting_for::bigint
  RETURNING seq
)
SELECT seq, pg_notify('mediavault_work', '') FROM j;

-- name: recover
WITH {t},
stale AS MATERIALIZED (
  SELECT seq FROM mediavault.jobs, t WHERE status = 'running' AND lease_expires_at <= t.now FOR UPDATE OF jobs SKIP LOCKED
),
j AS (
  UPDATE mediavault.jobs AS jobs
     SET status = 'failed', updated_at = t.now, failed_at = t.now, claimed_by = NULL, lease_expires_at = NULL,
         error_code = 'RECOVERED_FROM_RESTART', error = :error::text,
         retry_at = CASE WHEN attempt_count < max_attempts + (stage IS NOT DISTINCT FROM 'committing')::int
                         THEN t.now + :retry_in::bigint END
    FROM stale, t WHERE jobs.seq = stale.seq
  RETURNING jobs.seq, jobs.id, trace_id, t.now, attempt_count, retry_at
),
h AS (
  INSERT INTO mediavault.history (job, at, attempt, stage, outcome, error_code, detail)
  SELECT seq, now, attempt_count, 'recover', 'failed', 'RECOVERED_FROM_RESTART', :error FROM j
)
SELECT id, trace_id, retry_at FROM j;

-- name: promote_due
WITH {t},
due AS MATERIALIZED (
  SELECT seq FROM mediavault.jobs WHERE retry_at IS NOT NULL AND retry_at <= (SELECT now FROM t)
   ORDER BY retry_at LIMIT :limit::int FOR UPDATE SKIP LOCKED
),
j AS (
  UPDATE mediavault.jobs AS jobs SET status = 'queued', updated_at = t.now, retry_at = NULL
    FROM due, t WHERE jobs.seq = due.seq RETURNING jobs.seq, t.now
),
h AS (
  INSERT INTO mediavault.history (job, at, attempt, stage, outcome, detail)
  SELECT seq, now, 0, 'retry', 'ok', :why::text FROM j
)
SELECT seq, pg_notify('mediavault_work', '') FROM j;

-- name: locked
SELECT {job} FROM mediavault.jobs WHERE id = :id::text FOR UPDATE;

-- name: cancel
WITH {t}
UPDATE mediavault.jobs
   SET status = 'cancelled', updated_at = t.now, claimed_by = NULL, lease_expires_at = NULL, retry_at = NULL
  FROM t WHERE id = :id::text
RETURNING {job};

-- name: retry
WITH {t},
j AS (
  UPDATE mediavault.jobs
     SET status = 'queued', updated_at = t.now, retry_at = NULL, max_attempts = greatest(max_attempts, attempt_count + 1),
         needs_session = 0, chosen_url = coalesce(:chosen_url::text, chosen_url),
         profile = coalesce(:profile::text, profile)
    FROM t WHERE id = :id::text
  RETURNING {job}
)
SELECT j.*, pg_notify('mediavault_work', '') FROM j;

-- name: set_priority
WITH {t}
UPDATE mediavault.jobs SET priority = :priority::smallint, updated_at = t.now FROM t WHERE id = :id::text
RETURNING {job};

-- name: next_queued
WITH RECURSIVE queued (platform) AS (
  (SELECT platform FROM mediavault.jobs WHERE status = 'queued' ORDER BY platform LIMIT 1)
  UNION ALL
  SELECT (SELECT platform FROM mediavault.jobs
           WHERE status = 'queued' AND platform > queued.platform ORDER BY platform LIMIT 1)
    FROM queued WHERE queued.platform IS NOT NULL
)
SELECT of_lane.* FROM queued CROSS JOIN (VALUES (0), (1)) AS lane (needs_session) CROSS JOIN LATERAL (
  SELECT {job} FROM mediavault.jobs
   WHERE status = 'queued' AND jobs.platform = queued.platform AND jobs.needs_session = lane.needs_session
   ORDER BY priority, created_at, id LIMIT :limit::int
) AS of_lane ORDER BY of_lane.priority, of_lane.created_at, of_lane.id LIMIT :limit;

-- name: remove
WITH gone AS (DELETE FROM mediavault.jobs WHERE id = :id::text AND updated_at = coalesce(:as_of::bigint, updated_at) RETURNING {job}),
h AS (DELETE FROM mediavault.history USING gone WHERE history.job = gone.seq)
SELECT gone.*, CASE WHEN status = 'running' THEN pg_notify('mediavault_stop', left(id, 200)) END FROM gone;

-- name: relocate
WITH {t}
UPDATE mediavault.jobs
   SET updated_at = t.now, items = :items::text, output_path = :output_path::text, thumbnail_path = :thumbnail_path::text
  FROM t WHERE id = :id::text AND status = 'completed' AND updated_at = :as_of::bigint
RETURNING seq;

-- name: import_job
INSERT INTO mediavault.jobs ({stored}) VALUES ({stored_values}) ON CONFLICT DO NOTHING RETURNING seq;

-- name: append_history
INSERT INTO mediavault.history (job, at, attempt, stage, outcome, rung, error_code, detail, bytes, duration_ms, detail_params)
VALUES (:job, :at, :attempt, :stage, :outcome, :rung, :error_code, :detail, :bytes, :duration_ms, :detail_params);

-- name: seq_of
-- Locked against a removal until the record is written.
SELECT seq FROM mediavault.jobs WHERE id = :id::text FOR KEY SHARE;

-- name: wake
SELECT pg_notify('mediavault_work', '');

-- name: stop
-- A payload ends at 8000 bytes and makes the whole transaction fail beyond: an id that is not one is told in part.
SELECT pg_notify('mediavault_stop', left(:asked::text, 200));

-- name: account_key_of
-- Locked: nobody else changes the job until the transaction ends.
SELECT account_key FROM mediavault.jobs WHERE id = :id::text FOR UPDATE;

-- name: count_jobs
SELECT count(*) FROM mediavault.jobs;

-- name: entries
SELECT {entry} FROM mediavault.jobs WHERE seq > :after::bigint ORDER BY seq LIMIT :limit::int;

-- name: set_account_keys
UPDATE mediavault.jobs SET account_key = d.key FROM unnest(:seqs::bigint[], :keys::text[]) AS d(seq, key)
 WHERE jobs.seq = d.seq AND d.key IS NOT NULL;

-- name: analyze_library
ANALYZE mediavault.jobs, mediavault.library_words, mediavault.library_accounts;

-- name: put_words
INSERT INTO mediavault.library_words (seq, words)
SELECT d.seq, d.words::tsvector FROM unnest(:seqs::bigint[], :lines::text[]) AS d(seq, words)
ON CONFLICT (seq) DO UPDATE SET words = excluded.words;

-- name: entry
-- Locked: nobody else writes the job's words until the transaction ends.
SELECT {entry} FROM mediavault.jobs WHERE id = :id::text FOR UPDATE;

-- name: further_words
SELECT job, source, line FROM mediavault.job_words WHERE job = ANY(:seqs::bigint[]);

-- name: put_further_words
INSERT INTO mediavault.job_words (job, source, line) VALUES (:seq::bigint, :source::text, :line::text)
ON CONFLICT (job, source) DO UPDATE SET line = excluded.line;

-- name: remove_further_words
DELETE FROM mediavault.job_words WHERE job = :seq::bigint AND source = :source::text;

-- name: remove_words
DELETE FROM mediavault.library_words WHERE seq = :seq::bigint;

-- name: add_totals
INSERT INTO mediavault.library_totals AS known (platform, kept, bytes, duration_ms)
SELECT d.platform, d.kept, d.bytes, d.duration_ms
  FROM unnest(:platforms::text[], :kept::bigint[], :sizes::bigint[], :millis::bigint[]) AS d(platform, kept, bytes, duration_ms)
 ORDER BY d.platform COLLATE "C"
ON CONFLICT (platform) DO UPDATE
   SET kept = known.kept + excluded.kept, bytes = known.bytes + excluded.bytes, duration_ms = known.duration_ms + excluded.duration_ms;

-- name: add_accounts
INSERT INTO mediavault.library_accounts AS known (key, platform, slug, jobs, kept, bytes, duration_ms)
SELECT d.key, split_part(d.key, '/', 1), split_part(d.key, '/', 2), d.jobs, d.kept, d.bytes, d.duration_ms
  FROM unnest(:keys::text[], :jobs::bigint[], :kept::bigint[], :sizes::bigint[], :millis::bigint[])
         AS d(key, jobs, kept, bytes, duration_ms)
 ORDER BY d.key COLLATE "C"
ON CONFLICT (key) DO UPDATE
   SET jobs = known.jobs + excluded.jobs, kept = known.kept + excluded.kept, bytes = known.bytes + excluded.bytes,
       duration_ms = known.duration_ms + excluded.duration_ms;

-- name: newest_of_accounts
SELECT of.key, newest.created_at, newest.account
  FROM unnest(:keys::text[]) AS of (key)
 CROSS JOIN LATERAL (SELECT created_at, account FROM mediavault.jobs WHERE jobs.account_key = of.key
                      ORDER BY created_at DESC, id DESC LIMIT 1) AS newest;

-- name: name_accounts
UPDATE mediavault.library_accounts AS a
   SET handle = d.handle, display_name = d.display_name, line = d.line, latest_at = d.latest_at
  FROM unnest(:keys::text[], :handles::text[], :display_names::text[], :lines::text[], :latest::bigint[])
       AS d(key, handle, display_name, line, latest_at)
 WHERE a.key = d.key;

-- name: drop_accounts
DELETE FROM mediavault.library_accounts WHERE key = ANY(:keys::text[]) AND jobs <= 0;

