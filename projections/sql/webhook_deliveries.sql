-- name: plan_by_index
-- Of a table that holds nothing now and a million rows soon, and of a limit that is told
-- only when it runs, a planner knows little: these statements read a few rows each.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('enable_seqscan', 'off', true),
    set_config('enable_bitmapscan', 'off', true),
    set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true);

-- name: take_turns
-- Who adds to what is in order, or takes from it, decides alone what comes first. Nor
-- can those deadlock who change many rows.
SELECT pg_advisory_xact_lock(hashtext('webhook-order'));

-- name: place
INSERT INTO tail (name, position) VALUES (%(name)s, 0)
ON CONFLICT (name) DO UPDATE SET name = excluded.name
RETURNING position;

-- name: move
UPDATE tail SET position = %(upto)s WHERE name = %(name)s AND position = %(after)s;

-- name: know
INSERT INTO webhook_health (webhook_id) SELECT DISTINCT unnest(%(webhooks)s::text[])
ON CONFLICT DO NOTHING;

-- name: put
-- What is there already goes out once more from the beginning, if it `is_again`.
INSERT INTO webhook_delivery AS known (webhook_id, position, due_at, subject, is_first)
SELECT webhook_id, position, now(), subject, subject IS NULL OR (
    position = min(position) OVER (PARTITION BY webhook_id, subject)
    AND NOT EXISTS (
        SELECT FROM webhook_delivery AS earlier
        WHERE earlier.webhook_id = new.webhook_id AND earlier.subject = new.subject
    )
)
FROM unnest(%(webhooks)s::text[], %(positions)s::bigint[], %(subjects)s::text[])
    AS new (webhook_id, position, subject)
ON CONFLICT (webhook_id, position) DO UPDATE
    SET due_at = now(), attempts = 0, claim = NULL
    WHERE %(is_again)s;

-- name: claim
-- So many of each webhook that is active and not resting, whatever waits for the others;
-- `counts` are those that this process is at already. Of one that fails, only a probe, by
-- whichever process comes first.
WITH busy AS (
    SELECT * FROM unnest(%(webhooks)s::text[], %(counts)s::integer[])
        AS busy (webhook_id, count)
), receiver AS (
    SELECT id, (facts->>'timeout_ms')::float8 / 1000 + %(lease_seconds)s AS lease,
        %(at_once)s - coalesce(busy.count, 0) AS room
    FROM webhook LEFT JOIN busy ON busy.webhook_id = id
    WHERE status = 'active' AND coalesce(busy.count, 0) < %(at_once)s
), probing AS (
    UPDATE webhook_health AS health SET retry_at = now() + make_interval(secs => lease)
    FROM (
        SELECT id, lease
        FROM receiver JOIN webhook_health AS resting ON webhook_id = id
        -- One is enough. With EXISTS, all that waits for it might be read.
        CROSS JOIN LATERAL (
            SELECT FROM webhook_delivery AS due
            WHERE due.webhook_id = id AND is_first AND due_at <= now()
            LIMIT 1
        ) AS one
        WHERE trips > 0 AND greatest(retry_at, rest_until) <= now()
        FOR UPDATE OF resting SKIP LOCKED
    ) AS rested
    WHERE webhook_id = id
    RETURNING webhook_id
), ready AS (
    SELECT id, lease, room, false AS is_probe
    FROM receiver JOIN webhook_health ON webhook_id = id
    WHERE trips = 0 AND coalesce(greatest(retry_at, rest_until) <= now(), true)
    UNION ALL
    SELECT id, lease, 1, true FROM receiver JOIN probing ON webhook_id = id
), found AS (
    SELECT due.webhook_id, due.position, lease, is_probe
    FROM ready, LATERAL (
        SELECT webhook_id, position FROM webhook_delivery
        WHERE webhook_id = ready.id AND is_first AND due_at <= now()
        ORDER BY due_at, position
        LIMIT ready.room
        FOR UPDATE SKIP LOCKED
    ) AS due
)
UPDATE webhook_delivery AS mine SET
    claim = %(claim)s, due_at = now() + make_interval(secs => lease)
FROM found
WHERE mine.webhook_id = found.webhook_id AND mine.position = found.position
RETURNING mine.webhook_id, mine.position, mine.attempts, mine.claim, is_probe;

-- name: settle
-- What came of attempts. A claim that was lost meanwhile changes nothing, but was made.
WITH told AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS told (
        webhook_id text, position bigint, claim bigint, attempt integer,
        again_seconds float8, event_id text, event_type text, outcome text,
        status integer, latency_ms real, error text, head text
    )
), later AS (
    UPDATE webhook_delivery AS mine SET
        attempts = attempt, claim = NULL,
        due_at = now() + make_interval(secs => again_seconds)
    FROM told
    WHERE mine.webhook_id = told.webhook_id AND mine.position = told.position
        AND mine.claim = told.claim AND again_seconds IS NOT NULL
), logged AS (
    INSERT INTO webhook_attempt (
        webhook_id, position, event_id, event_type, attempt, outcome, status,
        latency_ms, error, head, at, next_at, shelf
    )
    SELECT webhook_id, position, event_id, event_type, attempt, outcome, status,
        latency_ms, error, head, now(), now() + make_interval(secs => again_seconds),
        to_char(now(), '"sent_"YYYYMMDD')
    FROM told
)
DELETE FROM webhook_delivery AS mine USING told
WHERE mine.webhook_id = told.webhook_id AND mine.position = told.position
    AND mine.claim = told.claim AND again_seconds IS NULL
RETURNING mine.webhook_id, mine.subject;

-- name: make_shelf
SELECT make_shelf('webhook_attempt', to_char(now(), '"sent_"YYYYMMDD'));

-- name: call_next
-- Of each subject of which one is done, the next one may go.
UPDATE webhook_delivery AS first SET is_first = true
FROM (
    SELECT DISTINCT * FROM unnest(%(webhooks)s::text[], %(subjects)s::text[])
        AS done (webhook_id, subject)
) AS done, LATERAL (
    SELECT position FROM webhook_delivery AS waiting
    WHERE waiting.webhook_id = done.webhook_id AND waiting.subject = done.subject
    ORDER BY position
    LIMIT 1
) AS next
WHERE first.webhook_id = done.webhook_id AND first.position = next.position
    AND NOT EXISTS (
        SELECT FROM webhook_delivery AS gone_before
        WHERE gone_before.webhook_id = done.webhook_id
            AND gone_before.subject = done.subject AND gone_before.is_first
    );

-- name: hurry
-- A receiver is back: what failed meanwhile need not wait for its own next try, or not
-- the first of it; but for as long as the receiver asked for.
UPDATE webhook_delivery AS mine SET due_at = greatest(now(), rest_until)
FROM (
    SELECT late.webhook_id, late.position, rest_until
    FROM webhook_health AS health, LATERAL (
        SELECT webhook_id, position FROM webhook_delivery
        WHERE webhook_id = health.webhook_id AND attempts > 0 AND claim IS NULL
        LIMIT %(hurried_max)s
    ) AS late
    WHERE health.webhook_id = ANY(%(webhooks)s) AND trips > 0
) AS late
WHERE mine.webhook_id = late.webhook_id AND mine.position = late.position;

-- name: judge
-- How each receiver does after so many successes and failures; `rest_seconds` is what it
-- asked for itself, which stands whatever succeeds. Returns those who have failed for too
-- long.
WITH sum AS (
    SELECT sum.*, successes = 0 AND health.failures + sum.failures >= %(failures_max)s
        AND (is_probe OR trips = 0) AS is_trip
    FROM jsonb_to_recordset(%(sums)s::jsonb) AS sum (
        webhook_id text, successes integer, failures integer, is_probe boolean,
        rest_seconds float8
    ) JOIN webhook_health AS health USING (webhook_id)
)
UPDATE webhook_health AS health SET
    failures = CASE WHEN successes > 0 THEN 0 ELSE health.failures + sum.failures END,
    trips = CASE WHEN successes > 0 THEN 0 ELSE trips + is_trip::integer END,
    retry_at = CASE
        WHEN is_trip THEN now() + make_interval(secs => least(
            %(probe_seconds_max)s, %(probe_seconds)s * power(2, least(trips, 16))
        ) * (1 + %(jitter)s * (2 * random() - 1)))
        WHEN successes = 0 THEN retry_at
    END,
    rest_until = greatest(rest_until, now() + make_interval(secs => rest_seconds)),
    failing_since = CASE
        WHEN successes > 0 THEN NULL
        WHEN failed_at < now() - make_interval(days => %(silent_days)s) THEN now()
        ELSE coalesce(failing_since, now())
    END,
    failed_at = CASE WHEN sum.failures > 0 THEN now() ELSE failed_at END,
    last_delivery_at = CASE WHEN successes > 0 THEN now() ELSE last_delivery_at END
FROM sum, webhook
WHERE health.webhook_id = sum.webhook_id AND webhook.id = sum.webhook_id
RETURNING health.webhook_id, coalesce(
    failing_since < now() - make_interval(days => %(suspended_after_days)s)
    AND active_since < now() - make_interval(days => %(suspended_after_days)s),
    false
) AS is_hopeless;

-- name: forgive
UPDATE webhook_health
SET failures = 0, trips = 0, retry_at = NULL, rest_until = NULL, failing_since = NULL
WHERE webhook_id = %(webhook_id)s;

-- name: count_waiting
SELECT id, (
    SELECT count(*) FROM (
        SELECT FROM webhook_delivery WHERE webhook_id = id LIMIT %(limit)s
    ) AS few
) AS number
FROM unnest(%(webhooks)s::text[]) AS wanted (id);

-- name: sweep
-- What is for nobody any more, so many at a time. Of the webhooks that were ever deleted,
-- few have anything waiting: so it goes from each for which something does to the next.
WITH RECURSIVE waiting AS (
    (SELECT webhook_id FROM webhook_delivery ORDER BY webhook_id LIMIT 1)
    UNION ALL
    SELECT next.webhook_id FROM waiting CROSS JOIN LATERAL (
        SELECT webhook_id FROM webhook_delivery AS other
        WHERE other.webhook_id > waiting.webhook_id
        ORDER BY webhook_id
        LIMIT 1
    ) AS next
)
DELETE FROM webhook_delivery AS old USING (
    SELECT its.webhook_id, its.position
    FROM waiting JOIN webhook ON id = waiting.webhook_id CROSS JOIN LATERAL (
        SELECT webhook_id, position FROM webhook_delivery
        WHERE webhook_id = id
        LIMIT %(limit)s
    ) AS its
    WHERE status = 'deleted'
    LIMIT %(limit)s
) AS few
WHERE old.webhook_id = few.webhook_id AND old.position = few.position;

-- name: attempts
-- Planned for the `outcome` that is asked for: there is an index of what is not delivered.
SELECT * FROM webhook_attempt
WHERE webhook_id = %(webhook_id)s AND id < %(before)s
    AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
ORDER BY id DESC
LIMIT %(limit)s;
