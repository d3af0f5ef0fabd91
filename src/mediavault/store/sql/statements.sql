-- Every fixed statement that is the same on all engines; ``dialects.py`` explains the tokens in braces.
-- Statuses are literals, since only then may a partial index be used. The plans are tested on both engines.

-- name: put_record
INSERT INTO {s}records (kind, key, value, updated_at, expires_at)
VALUES (:kind::text, :key::text, :value::text, {now}, :expires_at::bigint)
ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at, expires_at = excluded.expires_at;

-- name: add_record
-- An expired record does not count: it is replaced.
INSERT INTO {s}records AS known (kind, key, value, updated_at, expires_at)
VALUES (:kind::text, :key::text, :value::text, {now}, :expires_at::bigint)
ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at, expires_at = excluded.expires_at
 WHERE known.expires_at <= excluded.updated_at
RETURNING key;

-- name: replace_record
UPDATE {s}records SET value = :value::text, updated_at = {now}, expires_at = :expires_at::bigint
 WHERE kind = :kind::text AND key = :key::text AND value = :if_value::text AND (expires_at IS NULL OR expires_at > {now})
RETURNING key;

-- name: get_record
SELECT kind, key, value, updated_at, expires_at FROM {s}records
 WHERE kind = :kind::text AND key = :key::text AND (expires_at IS NULL OR expires_at > {now});

-- name: records
SELECT kind, key, value, updated_at, expires_at FROM {s}records
 WHERE kind = :kind::text AND (expires_at IS NULL OR expires_at > {now}) ORDER BY key;

-- name: some_records
SELECT kind, key, records.value, updated_at, expires_at FROM {s}records
 WHERE kind = :kind::text AND key IN (SELECT given.value FROM {each[keys]}) AND (expires_at IS NULL OR expires_at > {now});

-- name: records_under
SELECT kind, key, value, updated_at, expires_at FROM {s}records
 WHERE kind = :kind::text AND key >= :from::text AND key < :to::text AND key > :after::text
   AND (expires_at IS NULL OR expires_at > {now})
 ORDER BY key LIMIT :limit::bigint;

-- name: count_records_under
SELECT count(*) FROM {s}records
 WHERE kind = :kind::text AND key >= :from::text AND key < :to::text AND (expires_at IS NULL OR expires_at > {now});

-- name: remove_records_under
DELETE FROM {s}records WHERE kind = :kind::text AND key >= :from::text AND key < :to::text
RETURNING expires_at IS NULL OR expires_at > {now};

-- name: remove_record
DELETE FROM {s}records WHERE kind = :kind::text AND key = :key::text RETURNING expires_at IS NULL OR expires_at > {now};

-- name: remove_records
DELETE FROM {s}records WHERE kind = :kind::text AND key NOT IN (SELECT given.value FROM {each[keep]})
RETURNING expires_at IS NULL OR expires_at > {now};

-- name: prune_records
DELETE FROM {s}records {by[records_expiring]} WHERE expires_at <= {now};

-- name: set_once
INSERT INTO {s}agreed AS known (name, value) VALUES (:name::text, :value::text)
ON CONFLICT (name) DO UPDATE SET value = known.value RETURNING value;

-- name: constants
SELECT name, value FROM {s}agreed;

-- name: put_marks
-- In the order of their keys: two calls that put the same marks lock them in the same order.
INSERT INTO {s}marks (name, job, place, text)
SELECT given.value ->> 'name', seq, coalesce((given.value ->> 'place')::bigint, {now} + (given.value ->> 'number')::bigint),
       given.value ->> 'text'
  FROM {objects[marks]} {then} {s}jobs {by[jobs_id]} ON jobs.id = given.value ->> 'id'
 WHERE true ORDER BY 1, seq
ON CONFLICT (name, job) DO UPDATE
   SET text = excluded.text, place = CASE WHEN :stay THEN marks.place ELSE excluded.place END
RETURNING job;

-- name: take_marks
DELETE FROM {s}marks WHERE name = :name::text RETURNING job, place;

-- name: give_marks
INSERT INTO {s}marks (name, job, place, text)
SELECT :name::text, (given.value ->> 0)::bigint, (given.value ->> 1)::bigint, :text::text FROM {objects[marks]}
 WHERE true ORDER BY 2
ON CONFLICT (name, job) DO NOTHING;

-- name: remove_marks
DELETE FROM {s}marks WHERE name = :name::text AND text = coalesce(:text::text, text)
   AND (:all OR job IN (SELECT seq FROM {each[ids]} {then} {s}jobs {by[jobs_id]} ON jobs.id = given.value)) RETURNING job;

-- name: text_of_marks
UPDATE {s}marks SET text = :text::text WHERE name = :name::text RETURNING job;

-- name: marks_of_jobs
SELECT jobs.id, name, text, place FROM {each[ids]} {then} {s}jobs {by[jobs_id]} ON jobs.id = given.value
  {then} {s}marks {by[marks_job]} ON marks.job = jobs.seq
 ORDER BY jobs.id, name;

-- name: marked
SELECT jobs.id, name, text, place FROM {s}marks {by[marks_place]} {then} {s}jobs ON jobs.seq = marks.job
 WHERE name = :name::text AND place >= :place::bigint AND (place > :place OR jobs.id > :id::text)
 ORDER BY place, jobs.id LIMIT :limit::bigint;

-- name: marked_newest_first
SELECT jobs.id, name, text, place FROM {s}marks {by[marks_place]} {then} {s}jobs ON jobs.seq = marks.job
 WHERE name = :name::text AND place <= :place::bigint AND (place < :place OR jobs.id < :id::text)
 ORDER BY place DESC, jobs.id DESC LIMIT :limit::bigint;

-- name: mark_names
SELECT name, min(text), count(*) FROM {s}marks WHERE name >= :prefix::text AND name < :end::text GROUP BY name ORDER BY name;

-- name: get
SELECT {job} FROM {s}jobs {by[jobs_id]} WHERE id = :id::text;

-- name: newest_of_posts
SELECT {job} FROM {s}jobs {by[jobs_post]}
 WHERE canonical_url IN (SELECT given.value FROM {each[urls]})
   AND NOT EXISTS (SELECT 1 FROM {s}jobs AS newer {by[jobs_post]}
                    WHERE newer.canonical_url = jobs.canonical_url AND newer.version > jobs.version);

-- name: ids_beginning
-- "~" comes after every character of an id.
SELECT DISTINCT jobs.id FROM {each[beginnings]}
  {then} {s}jobs {by[jobs_id]} ON jobs.id >= given.value AND jobs.id < given.value || '~'
 ORDER BY jobs.id LIMIT :limit::bigint;

-- name: changed_since
SELECT {job} FROM {s}jobs {by[jobs_updated]} WHERE updated_at >= :moment::bigint ORDER BY updated_at LIMIT :limit::bigint;

-- name: history
SELECT h.at, h.attempt, h.stage, h.outcome, h.strategy, h.error_code, h.detail, h.bytes, h.duration_ms, h.detail_params
  FROM {s}jobs {by[jobs_id]} LEFT JOIN {s}history AS h {by[history_job]} ON h.job = jobs.seq
 WHERE jobs.id = :id::text ORDER BY h.id;

-- name: next_due
SELECT retry_at FROM {s}jobs {by[jobs_due]} WHERE retry_at IS NOT NULL ORDER BY retry_at LIMIT 1;

-- name: site_limits
SELECT platform, {site_limit} FROM {s}site_limits ORDER BY platform;

-- name: workers
SELECT worker, host, pid, version, started_at, last_seen_at, running_jobs, skipped_ticks, missed_beats,
       {greatest}(draining, leaving), platforms, signed_in, tally
  FROM {s}workers WHERE last_seen_at >= {now} - :seen_within::bigint ORDER BY last_seen_at DESC, worker {c};

-- name: counts
-- Not two subqueries for those in the queue: the oldest alone might be looked for among all jobs.
SELECT {now}, queued.number,
       (SELECT count(*) FROM {s}jobs {by[jobs_running]} WHERE status = 'running'),
       (SELECT count(*) FROM {s}jobs {by[jobs_failed]} WHERE status = 'failed'),
       (SELECT count(*) FROM {s}jobs {by[jobs_cancelled]} WHERE status = 'cancelled'),
       (SELECT count(*) FROM {s}jobs),
       queued.oldest
  FROM (SELECT count(*) AS number, min(created_at) AS oldest FROM {s}jobs {by[jobs_ready]} WHERE status = 'queued') AS queued;

-- name: count_unparsed
SELECT platform, count(*) FROM {s}jobs {by[jobs_not_understood]}
 WHERE status = 'failed' AND error_code = 'EXTRACTOR_BROKEN' AND failed_at >= {now} - :within::bigint GROUP BY platform;

-- name: waiting
SELECT platform, count(*)
  FROM (SELECT platform FROM {s}jobs {by[jobs_claimable]} WHERE status = 'queued'
        UNION ALL SELECT platform FROM {s}jobs {by[jobs_due]} WHERE retry_at IS NOT NULL) AS waiting
 GROUP BY platform;

-- name: further_words_of_jobs
SELECT jobs.id, source, line FROM {each[ids]} {then} {s}jobs {by[jobs_id]} ON jobs.id = given.value
  {then} {s}job_words ON job_words.job = jobs.seq;

-- name: account
SELECT {account} FROM {s}library_accounts WHERE key = :key::text;

-- name: totals
WITH counted (platform, status, jobs, bytes, duration_ms) AS (
  SELECT platform, 'queued', count(*), 0, 0 FROM {s}jobs {by[jobs_claimable]} WHERE status = 'queued' GROUP BY platform
  UNION ALL
  SELECT platform, 'running', count(*), 0, 0 FROM {s}jobs {by[jobs_running]} WHERE status = 'running' GROUP BY platform
  UNION ALL
  SELECT platform, 'failed', count(*), 0, 0 FROM {s}jobs {by[jobs_failed]} WHERE status = 'failed' GROUP BY platform
  UNION ALL
  SELECT platform, 'cancelled', count(*), 0, 0 FROM {s}jobs {by[jobs_cancelled]} WHERE status = 'cancelled' GROUP BY platform
  UNION ALL
  SELECT platform, 'completed', saved, bytes, duration_ms FROM {s}library_totals WHERE saved > 0
)
SELECT platform, status, jobs, bytes, duration_ms,
       (SELECT created_at FROM {s}jobs {by[jobs_platform]} WHERE jobs.platform = counted.platform
         ORDER BY created_at DESC, id DESC LIMIT 1)
  FROM counted ORDER BY platform;

-- name: failure_groups
SELECT coalesce(error_code, 'INTERNAL'), platform, count(*), count(*) - count(retry_at), min(retry_at)
  FROM {s}jobs {by[jobs_failed]} WHERE status = 'failed' GROUP BY 1, 2;

-- name: failure_examples
SELECT {job} FROM {s}jobs
 WHERE seq {in_few} (SELECT seq FROM (SELECT seq, row_number() OVER (PARTITION BY coalesce(error_code, 'INTERNAL'), platform
                                                               ORDER BY created_at DESC, id DESC) AS place
                                  FROM {s}jobs {by[jobs_failed]} WHERE status = 'failed') AS failed
                WHERE place <= :limit::bigint){end}
 ORDER BY created_at DESC, id DESC;

-- name: make_site_limit
INSERT INTO {s}site_limits (platform, failures, reason) VALUES (:platform::text, 0, '') ON CONFLICT DO NOTHING;

-- name: locked_site_limit
SELECT {now}, platform, {site_limit} FROM {s}site_limits WHERE platform = :platform::text {lock};

-- name: put_site_limit
UPDATE {s}site_limits
   SET closed_until = :closed_until::bigint, probing_until = :probing_until::bigint, failures = :failures::int, code = :code::text,
       reason = :reason::text, next_permit_at = :next_permit_at::bigint, reserved_until = :reserved_until::bigint,
       account_posts = :account_posts::text, account_cap = :account_cap::int
 WHERE platform = :platform::text;

-- name: import_site_limit
INSERT INTO {s}site_limits (platform, {site_limit})
VALUES (:platform::text, :closed_until::bigint, :probing_until::bigint, :failures::int, :code::text, :reason::text,
        :next_permit_at::bigint, :reserved_until::bigint, :account_posts::text, :account_cap::int)
ON CONFLICT DO NOTHING RETURNING platform;

-- name: heartbeat
-- By the clock that also reads it: hosts disagree.
INSERT INTO {s}workers
  (worker, host, pid, version, started_at, last_seen_at, running_jobs, skipped_ticks, missed_beats, draining,
   platforms, signed_in, tally)
VALUES
  (:worker::text, :host::text, :pid::int, :version::text, :started_at::bigint, {now}, :running_jobs::int,
   :skipped_ticks::bigint, :missed_beats::bigint, :draining::int, :platforms::text, :signed_in::text, :tally::text)
ON CONFLICT (worker) DO UPDATE
   SET last_seen_at = excluded.last_seen_at, running_jobs = excluded.running_jobs, host = excluded.host, pid = excluded.pid,
       version = excluded.version, started_at = excluded.started_at,
       skipped_ticks = excluded.skipped_ticks, missed_beats = excluded.missed_beats, draining = excluded.draining,
       platforms = excluded.platforms, signed_in = excluded.signed_in, tally = excluded.tally
RETURNING leaving;

-- name: request_drain
UPDATE {s}workers SET leaving = 1 WHERE worker IN (SELECT given.value FROM {each[workers]}) RETURNING worker;

-- name: forget_worker
DELETE FROM {s}workers WHERE worker = :worker::text;

-- name: expire_leases
UPDATE {s}jobs {by[jobs_running]} SET lease_expires_at = 0
 WHERE status = 'running' AND claimed_by IN (SELECT given.value FROM {each[workers]})
RETURNING seq;

-- name: enqueue
-- A microsecond apart, so that the jobs of one call are claimed in the order given. Two calls that store the same posts lock
-- them in the same order.
WITH asked AS MATERIALIZED (
  SELECT given.value ->> 'id' AS id, given.value ->> 'trace_id' AS trace_id, given.value ->> 'post_url' AS post_url,
         given.value ->> 'canonical_url' AS canonical_url, given.value ->> 'platform' AS platform,
         {now} + (given.value ->> 'place')::bigint AS at, (given.value ->> 'max_attempts')::int AS max_attempts,
         given.value ->> 'profile' AS profile, (given.value ->> 'priority')::smallint AS priority,
         given.value ->> 'listed_by' AS listed_by, given.value ->> 'metadata' AS metadata,
         (given.value ->> 'published_at')::bigint AS published_at, given.value ->> 'title_key' AS title_key
    FROM {objects[jobs]}
),
versions AS MATERIALIZED (
  SELECT asked.*, (SELECT max(version) FROM {s}jobs AS known {by[jobs_post]} WHERE known.canonical_url = asked.canonical_url) AS newest
    FROM asked
)
INSERT INTO {s}jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at, max_attempts, profile, priority,
                     listed_by, metadata, posted_at, title_key, version)
SELECT id, trace_id, post_url, canonical_url, platform, at, at, max_attempts, profile, priority, listed_by, metadata,
       CASE WHEN published_at < at THEN published_at ELSE at END, title_key, coalesce(newest, 0) + 1
  FROM versions WHERE :force::boolean OR newest IS NULL ORDER BY canonical_url
ON CONFLICT (canonical_url, version) DO NOTHING
RETURNING {job};

-- name: adopt
UPDATE {s}jobs {by[jobs_id]} SET listed_by = NULL, post_url = :post_url::text, updated_at = {now}
 WHERE id = :id::text AND listed_by IS NOT NULL
RETURNING {job};

-- name: queued_platforms
-- From one platform to the next: what is queued for each is not read.
WITH RECURSIVE queued (platform) AS (
  SELECT (SELECT platform FROM {s}jobs {by[jobs_claimable]} WHERE status = 'queued' ORDER BY platform LIMIT 1)
  UNION ALL
  SELECT (SELECT platform FROM {s}jobs {by[jobs_claimable]}
           WHERE status = 'queued' AND platform > queued.platform ORDER BY platform LIMIT 1)
    FROM queued WHERE queued.platform IS NOT NULL
)
SELECT queued.platform, {site_limit} FROM queued LEFT JOIN {s}site_limits ON site_limits.platform = queued.platform
 WHERE queued.platform IS NOT NULL;

-- name: first_queued
SELECT priority, created_at, id, seq FROM {s}jobs {by[jobs_claimable]}
 WHERE status = 'queued' AND platform = :platform::text AND needs_session = :needs_session::int AND priority <= :lowest::int
 ORDER BY priority, created_at, id LIMIT :limit::bigint;

-- name: of_seqs
SELECT {job} FROM {s}jobs WHERE seq IN (SELECT given.value FROM {numbers[seqs]});

-- name: renew
-- The rows are locked, so that none becomes another attempt's between the reading and the writing.
UPDATE {s}jobs SET lease_expires_at = {now} + :lease::bigint
 WHERE seq {in_few} (SELECT jobs.seq FROM {objects[held]} {then} {s}jobs {by[jobs_id]} ON jobs.id = given.value ->> 0
                WHERE jobs.attempt_count = (given.value ->> 1)::int AND jobs.lease_expires_at IS NOT NULL
                  AND jobs.claimed_by = :worker::text {lock}){end}
RETURNING id;

-- name: checkpoint
UPDATE {s}jobs {by[jobs_id]}
   SET updated_at = {now}, stage = 'checkpoint', progress_pct = :progress_pct::int, source_type = :source_type::text,
       extracted_url = :extracted_url::text, extracted_url_expires_at = :extracted_url_expires_at::bigint,
       candidates = :candidates::text, image_urls = :image_urls::text, account = :account::text,
       thumbnail_url = :thumbnail_url::text, metadata = :metadata::text, posted_at = :posted_at::bigint,
       title_key = :title_key::text, account_key = :account_key::text, items = :items::text
 WHERE {fence} RETURNING {moved};

-- name: progress
UPDATE {s}jobs {by[jobs_id]}
   SET updated_at = {now}, stage = :stage::text, progress_pct = :progress_pct::int, bytes_done = :bytes_done::bigint,
       bytes_total = :bytes_total::bigint, duration_s = coalesce(:duration_s::float8, duration_s)
 WHERE {fence} RETURNING seq;

-- name: save_items
UPDATE {s}jobs {by[jobs_id]} SET updated_at = {now}, items = :items::text WHERE {fence} RETURNING seq;

-- name: begin_commit
UPDATE {s}jobs {by[jobs_id]}
   SET updated_at = {now}, stage = 'committing', items = coalesce(:items::text, items), output_path = :output_path::text,
       thumbnail_path = :thumbnail_path::text, bytes = :bytes::bigint, sha256 = :sha256::text,
       duration_s = :duration_s::float8, width = :width::int, height = :height::int
 WHERE {fence} RETURNING {moved};

-- name: fail
UPDATE {s}jobs {by[jobs_id]}
   SET status = 'failed', updated_at = {now}, failed_at = {now}, claimed_by = NULL, lease_expires_at = NULL,
       error_code = :error_code::text, error = :error::text, error_params = :error_params::text,
       retry_at = {now} + :retry_in::bigint, max_attempts = max_attempts + :spared::int
 WHERE {fence} RETURNING {job}, {moved};

-- name: release
UPDATE {s}jobs {by[jobs_id]}
   SET status = 'queued', updated_at = {now}, claimed_by = NULL, lease_expires_at = NULL, max_attempts = max_attempts + 1,
       needs_session = {greatest}(needs_session, :needs_session::int)
 WHERE {fence} RETURNING {moved};

-- name: release_session_jobs
UPDATE {s}jobs {by[jobs_claimable]} SET needs_session = 0, updated_at = {now}
 WHERE status = 'queued' AND platform IN (SELECT given.value FROM {each[missing]}) AND needs_session = 1
   AND updated_at <= {now} - :waiting_for::bigint
RETURNING seq;

-- name: recover
UPDATE {s}jobs
   SET status = 'failed', updated_at = {now}, failed_at = {now}, claimed_by = NULL, lease_expires_at = NULL,
       error_code = 'RECOVERED_FROM_RESTART', error = :error::text,
       retry_at = CASE WHEN attempt_count < max_attempts + CASE WHEN stage = 'committing' THEN 1 ELSE 0 END
                       THEN {now} + :retry_in::bigint END
 WHERE seq {in_few} (SELECT seq FROM {s}jobs {by[jobs_running]}
                WHERE status = 'running' AND lease_expires_at <= CASE WHEN :is_trusted::boolean THEN {now} ELSE 0 END {skip}){end}
RETURNING id, trace_id, retry_at, {moved};

-- name: promote_due
UPDATE {s}jobs SET status = 'queued', updated_at = {now}, retry_at = NULL
 WHERE seq {in_few} (SELECT seq FROM {s}jobs {by[jobs_due]} WHERE retry_at IS NOT NULL AND retry_at <= {now}
                ORDER BY retry_at LIMIT :limit::bigint {skip}){end}
RETURNING {moved};

-- name: locked
SELECT {job} FROM {s}jobs {by[jobs_id]} WHERE id = :id::text {lock};

-- name: cancel
UPDATE {s}jobs {by[jobs_id]}
   SET status = 'cancelled', updated_at = {now}, claimed_by = NULL, lease_expires_at = NULL, retry_at = NULL
 WHERE id = :id::text RETURNING {job}, {moved};

-- name: retry
UPDATE {s}jobs {by[jobs_id]}
   SET status = 'queued', updated_at = {now}, retry_at = NULL, max_attempts = {greatest}(max_attempts, attempt_count + 1),
       needs_session = 0, chosen_url = coalesce(:chosen_url::text, chosen_url), profile = coalesce(:profile::text, profile)
 WHERE id = :id::text RETURNING {job}, {moved};

-- name: set_priority
UPDATE {s}jobs {by[jobs_id]} SET priority = :priority::smallint, updated_at = {now} WHERE id = :id::text RETURNING {job};

-- name: remove
DELETE FROM {s}jobs {by[jobs_id]} WHERE id = :id::text AND updated_at = coalesce(:as_of::bigint, updated_at) RETURNING {job};

-- name: remove_history
DELETE FROM {s}history {by[history_job]} WHERE job = :seq::bigint;

-- name: remove_marks_of_job
DELETE FROM {s}marks {by[marks_job]} WHERE job = :seq::bigint;

-- name: relocate
UPDATE {s}jobs {by[jobs_id]}
   SET updated_at = {now}, items = :items::text, output_path = :output_path::text, thumbnail_path = :thumbnail_path::text
 WHERE id = :id::text AND status = 'completed' AND updated_at = :as_of::bigint
RETURNING seq;

-- name: import_job
INSERT INTO {s}jobs ({stored}) VALUES ({stored_values}) ON CONFLICT DO NOTHING RETURNING seq;

-- name: append_history
INSERT INTO {s}history (job, at, attempt, stage, outcome, strategy, error_code, detail, bytes, duration_ms, detail_params)
VALUES (:job, :at, :attempt, :stage, :outcome, :strategy, :error_code, :detail, :bytes, :duration_ms, :detail_params);

-- name: unsorted
SELECT seq, created_at, metadata FROM {s}jobs WHERE seq > :after::bigint ORDER BY seq LIMIT :limit::bigint;

-- name: put_sort_values
UPDATE {s}jobs SET posted_at = (given.value ->> 1)::bigint, title_key = given.value ->> 2
  FROM {objects[found]} WHERE seq = (given.value ->> 0)::bigint;

-- name: seq_of
-- Locked against a removal until the record is written.
SELECT seq FROM {s}jobs {by[jobs_id]} WHERE id = :id::text {share};

-- name: account_key_of
SELECT account_key FROM {s}jobs {by[jobs_id]} WHERE id = :id::text {lock};

-- name: entry
SELECT {entry} FROM {s}jobs {by[jobs_id]} WHERE id = :id::text {lock};

-- name: further_words
SELECT job, source, line FROM {s}job_words WHERE job IN (SELECT given.value FROM {numbers[seqs]});

-- name: put_further_words
INSERT INTO {s}job_words (job, source, line) VALUES (:seq::bigint, :source::text, :line::text)
ON CONFLICT (job, source) DO UPDATE SET line = excluded.line;

-- name: remove_further_words
DELETE FROM {s}job_words WHERE job = :seq::bigint AND source = :source::text;

-- name: add_totals
INSERT INTO {s}library_totals AS known (platform, saved, bytes, duration_ms)
VALUES (:platform::text, :saved::bigint, :bytes::bigint, :duration_ms::bigint)
ON CONFLICT (platform) DO UPDATE
   SET saved = known.saved + excluded.saved, bytes = known.bytes + excluded.bytes, duration_ms = known.duration_ms + excluded.duration_ms;

-- name: add_account
INSERT INTO {s}library_accounts AS known (key, platform, slug, jobs, saved, bytes, duration_ms)
VALUES (:key::text, :platform::text, :slug::text, :jobs::bigint, :saved::bigint, :bytes::bigint, :duration_ms::bigint)
ON CONFLICT (key) DO UPDATE
   SET jobs = known.jobs + excluded.jobs, saved = known.saved + excluded.saved, bytes = known.bytes + excluded.bytes,
       duration_ms = known.duration_ms + excluded.duration_ms;

-- name: newest_of_accounts
SELECT given.value, jobs.created_at, jobs.account
  FROM {each[keys]} {then} {s}jobs
    ON jobs.seq = (SELECT seq FROM {s}jobs AS newest {by[jobs_account]} WHERE newest.account_key = given.value
                    ORDER BY created_at DESC, id DESC LIMIT 1);

-- name: name_account
UPDATE {s}library_accounts SET handle = :handle::text, display_name = :display_name::text, line = :line::text, latest_at = :latest_at::bigint
 WHERE key = :key::text;

-- name: drop_accounts
DELETE FROM {s}library_accounts WHERE key IN (SELECT given.value FROM {each[keys]}) AND jobs <= 0;
