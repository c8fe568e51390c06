-- name: locks
SELECT
    coalesce(sum(held), 0)::float8 AS held,
    coalesce(sum(queued), 0)::float8 AS queued,
    coalesce(max(queued), 0)::float8 AS longest,
    coalesce(extract(epoch FROM now() - min(oldest)), 0)::float8 AS oldest
FROM (
    SELECT
        count(*) FILTER (WHERE status = 'acquired') AS held,
        count(*) FILTER (WHERE status = 'queued') AS queued,
        min(requested_at) FILTER (WHERE status = 'queued') AS oldest
    FROM lock_ticket
    WHERE ended_at IS NULL
    GROUP BY environment_id
) AS queue;

-- name: views
-- How long ago the first event came to pass that a view does not show yet. One that no
-- worker has begun to keep shows nothing.
SELECT
    known.view,
    (tip - shown)::float8 AS events,
    greatest(0, extract(epoch FROM now() - coalesce((
        SELECT (event_json(state) #>> '{origin,at}')::timestamptz
        FROM berth_events
        WHERE berth_events.notification_id = shown + 1
    ), now())))::float8 AS seconds
FROM unnest(%(views)s::text[]) AS known (view)
LEFT JOIN berth_tracking ON application_name = known.view
CROSS JOIN LATERAL (SELECT coalesce(notification_id, 0) AS shown) AS kept
CROSS JOIN (
    SELECT coalesce((
        SELECT notification_id FROM berth_events
        ORDER BY notification_id DESC LIMIT 1
    ), 0) AS tip
) AS journal;

-- name: journal
SELECT coalesce((
    SELECT notification_id FROM berth_events ORDER BY notification_id DESC LIMIT 1
), 0)::float8 AS events;

-- name: tails
SELECT
    name AS tail,
    greatest(0, coalesce((
        SELECT notification_id FROM berth_events
        ORDER BY notification_id DESC LIMIT 1
    ), 0) - position)::float8 AS events
FROM tail;

-- name: seal
SELECT
    greatest(0, coalesce((
        SELECT notification_id FROM berth_events
        ORDER BY notification_id DESC LIMIT 1
    ), 0) - coalesce((
        SELECT size FROM log_checkpoint ORDER BY size DESC LIMIT 1
    ), 0))::float8 AS unsealed,
    (EXISTS (
        SELECT FROM log WHERE refused_because IS NOT NULL
    ))::int::float8 AS refused;

-- name: tasks
SELECT
    priority,
    CASE
        WHEN state <> 'pending' THEN state
        WHEN ready_at <= now() THEN 'ready'
        ELSE 'later'
    END AS state,
    count(*)::float8 AS tasks
FROM task
GROUP BY 1, 2;

-- name: ready
SELECT
    priority,
    extract(epoch FROM now() - min(ready_at))::float8 AS oldest
FROM task
WHERE state = 'pending' AND ready_at <= now()
GROUP BY priority;

-- name: webhooks
SELECT status, count(webhook.id)::float8 AS webhooks
FROM unnest(ARRAY['active', 'inactive', 'failed']) AS known (status)
LEFT JOIN webhook USING (status)
GROUP BY status;

-- name: backlog
-- What is due to a receiver that rests waits for the receiver; to another one, for us. So
-- that a receiver that was down for days costs little here, not all of it is counted.
SELECT
    receiver,
    coalesce(sum(due), 0)::float8 AS due,
    coalesce(extract(epoch FROM now() - min(oldest)), 0)::float8 AS oldest
FROM unnest(ARRAY['well', 'resting']) AS known (receiver)
LEFT JOIN (
    SELECT
        CASE
            WHEN trips > 0 OR greatest(retry_at, rest_until) > now() THEN 'resting'
            ELSE 'well'
        END AS receiver,
        (
            SELECT count(*) FILTER (WHERE due_at <= now()) FROM (
                SELECT due_at FROM webhook_delivery
                WHERE webhook_id = webhook.id
                LIMIT %(backlog_max)s
            ) AS few
        ) AS due,
        (
            SELECT due_at FROM webhook_delivery
            WHERE webhook_id = webhook.id AND is_first AND due_at <= now()
            ORDER BY due_at
            LIMIT 1
        ) AS oldest
    FROM webhook JOIN webhook_health ON webhook_id = webhook.id
    WHERE status = 'active'
) AS waiting USING (receiver)
GROUP BY receiver;
