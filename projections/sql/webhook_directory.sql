-- name: add_webhooks
INSERT INTO webhook
    (id, status, facts, created_by, created_at, updated_at, active_since)
SELECT id, status, facts, by, at, at, at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    id text, status text, facts jsonb, by text, at timestamptz
);

-- name: change_webhooks
-- `facts` has only what changed.
UPDATE webhook SET
    facts = webhook.facts || coalesce(new.facts, '{}'),
    status = coalesce(new.status, webhook.status),
    previous_secret_id = coalesce(new.previous_secret_id, webhook.previous_secret_id),
    previous_until = coalesce(new.previous_until, webhook.previous_until),
    updated_at = new.at,
    active_since = coalesce(new.active_since, webhook.active_since)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    id text, facts jsonb, status text, previous_secret_id text,
    previous_until timestamptz, active_since timestamptz, at timestamptz
)
WHERE webhook.id = new.id;

-- name: list_webhooks
SELECT webhook.*, failures, last_delivery_at, retry_at
FROM webhook LEFT JOIN webhook_health ON webhook_id = id
WHERE status <> 'deleted' AND (%(id)s::text IS NULL OR id = %(id)s)
ORDER BY created_at, id;

-- name: count_webhooks
SELECT count(*) AS number FROM webhook WHERE status <> 'deleted';

-- name: find_webhooks
SELECT * FROM webhook WHERE id = ANY(%(ids)s);

-- name: webhooks_about
-- As they are now, those that there were at a place in the journal, and later ones. What
-- changed at that place's instant may have changed after it: `has_changed`.
SELECT webhook.*, updated_at >= since AS has_changed
FROM webhook CROSS JOIN (
    SELECT coalesce((
        SELECT (event_json(state) #>> '{origin,at}')::timestamptz
        FROM berth_events WHERE notification_id = %(place)s
    ), '-infinity') AS since
) AS place
WHERE status <> 'deleted' OR updated_at >= since;

-- name: used_credentials
SELECT facts->>'config_id' AS config_id, facts->>'secret_id' AS secret_id,
    CASE WHEN previous_until > clock_timestamp() THEN previous_secret_id END
        AS previous_secret_id
FROM webhook WHERE status <> 'deleted';

-- name: erase_webhooks
-- Not where it was an application that is called alike.
UPDATE webhook SET created_by = %(erased_as)s
WHERE created_by = %(name)s AND (
    SELECT event_json(state) #>> '{origin,application}'
    FROM berth_events
    WHERE originator_id = 'webhooks/' || webhook.id AND originator_version = 1
) IS NULL;
