-- The statements that only the PostgreSQL store has: claims and completions in one round trip each, with their history.
-- ``sql/dialects.py`` explains the names in braces; ``{t}`` is the moment of the statement, once, by the database's clock unless a
-- test brings its own in ``:now``. tests/component/store/test_postgres_store.py reads the plans.

-- name: claim
-- ``eligible_sites`` and ``capacity`` are site_limits.capacity() in SQL. Limits that another claim has locked hand out no job.
WITH {t},
eligible_sites AS MATERIALIZED (
  SELECT platform FROM mediavault.site_limits, t
   WHERE platform = ANY(:platforms::text[]) AND (next_permit_at IS NOT NULL OR failures > 0)
     AND coalesce(greatest(closed_until, probing_until) <= t.now, true)
     AND NOT coalesce(next_permit_at > t.now + :soon::bigint AND next_permit_at <= t.now + :max_plausible_wait::bigint, false)
     AND NOT coalesce(reserved_until > t.now AND reserved_until <= t.now + :max_plausible_wait, false)
     FOR UPDATE OF site_limits SKIP LOCKED
),
capacity AS MATERIALIZED (
  SELECT platform, 1 AS room FROM eligible_sites
  UNION ALL
  SELECT queued.platform, :limit::int FROM unnest(:platforms) AS queued (platform)
   WHERE NOT EXISTS (SELECT FROM mediavault.site_limits, t
                      WHERE site_limits.platform = queued.platform
                        AND (next_permit_at IS NOT NULL OR failures > 0 OR greatest(closed_until, probing_until) > t.now))
),
first AS MATERIALIZED (
  SELECT one.* FROM capacity CROSS JOIN LATERAL (
    SELECT of_class.* FROM unnest(CASE WHEN capacity.platform = ANY(:sessions::text[]) THEN ARRAY[0, 1] ELSE ARRAY[0] END)
                        AS session_class (needs_session)
    CROSS JOIN LATERAL (
      SELECT seq AS picked, priority AS rank, created_at AS born, id AS of_id FROM mediavault.jobs
       WHERE status = 'queued' AND jobs.platform = capacity.platform AND jobs.needs_session = session_class.needs_session
         AND priority <= :lowest::smallint AND (priority, created_at) >= (:mark_rank::smallint, :mark::bigint)
       ORDER BY priority, created_at, id LIMIT capacity.room FOR UPDATE SKIP LOCKED
    ) AS of_class ORDER BY rank, born, of_id LIMIT capacity.room
  ) AS one
   WHERE NOT EXISTS (SELECT FROM mediavault.records WHERE kind = 'pause' AND key IN ('*', capacity.platform))
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
reserved AS (
  UPDATE mediavault.site_limits SET reserved_until = t.now + :reserved_for::bigint
    FROM eligible_sites, t
   WHERE site_limits.platform = eligible_sites.platform AND site_limits.platform IN (SELECT platform FROM taken)
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
  INSERT INTO mediavault.library_totals AS known (platform, saved, bytes, duration_ms)
  SELECT platform, count(*), sum(size), sum(lasts_ms) FROM done GROUP BY platform ORDER BY platform
  ON CONFLICT (platform) DO UPDATE
     SET saved = known.saved + excluded.saved, bytes = known.bytes + excluded.bytes, duration_ms = known.duration_ms + excluded.duration_ms
),
accounts AS (
  INSERT INTO mediavault.library_accounts AS known (key, platform, slug, jobs, saved, bytes, duration_ms)
  SELECT account_key, split_part(account_key, '/', 1), split_part(account_key, '/', 2), 0, count(*), sum(size), sum(lasts_ms)
    FROM done WHERE account_key IS NOT NULL GROUP BY account_key ORDER BY account_key
  ON CONFLICT (key) DO UPDATE
     SET saved = known.saved + excluded.saved, bytes = known.bytes + excluded.bytes, duration_ms = known.duration_ms + excluded.duration_ms
)
SELECT id FROM done;

-- name: wake
SELECT pg_notify('mediavault_work', '');

-- name: stop
-- A payload ends at 8000 bytes and makes the whole transaction fail beyond: an id that is not one is sent in part.
SELECT pg_notify('mediavault_stop', left(:asked::text, 200));

-- name: put_words
INSERT INTO mediavault.library_words (seq, words) VALUES (:seq::bigint, :line::text::tsvector)
ON CONFLICT (seq) DO UPDATE SET words = excluded.words;

-- name: remove_words
DELETE FROM mediavault.library_words WHERE seq = :seq::bigint;
