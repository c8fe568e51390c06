-- name: change_holds
-- Whatever ended did so no later than its time was over.
UPDATE hold SET
    fence = coalesce(new.fence, hold.fence),
    granted_position = coalesce(new.granted_position, hold.granted_position),
    granted_version = coalesce(new.granted_version, hold.granted_version),
    granted_at = coalesce(new.granted_at, hold.granted_at),
    acquired_at = coalesce(new.acquired_at, hold.acquired_at),
    expires_at = coalesce(new.expires_at, hold.expires_at),
    expiry_cause = coalesce(new.expiry_cause, hold.expiry_cause),
    ended_position = new.ended_position,
    ended_version = new.ended_version,
    ended_at = CASE WHEN new.ended_at IS NOT NULL
        THEN least(new.ended_at, coalesce(new.expires_at, hold.expires_at)) END,
    cause = new.cause,
    ended_by = new.ended_by
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    ticket_id text, fence bigint, granted_position bigint, granted_version bigint,
    granted_at timestamptz, acquired_at timestamptz, expires_at timestamptz,
    expiry_cause text, ended_position bigint, ended_version bigint,
    ended_at timestamptz, cause text, ended_by text
)
WHERE hold.ticket_id = new.ticket_id;

-- name: remove_tickets
-- They left the queue before their turn.
DELETE FROM hold
USING jsonb_to_recordset(%(rows)s::jsonb) AS gone (ticket_id text)
WHERE hold.ticket_id = gone.ticket_id;

-- name: holds_between
-- Newest first: granted between two positions, or before them and still going on then.
-- Of each environment, an index alone says which are the newest; of all these, the page is
-- cut, and only then are holds read.
SELECT page.*, coalesce(ended_at, passed_at) AS over_at,
    coalesce(cause, CASE WHEN passed_at IS NOT NULL
        THEN expiry_cause || '_expired' END) AS why
FROM (
    SELECT newest.* FROM unnest(%(environment_ids)s::text[]) AS wanted (environment_id)
    CROSS JOIN LATERAL (
        (
            SELECT hold.environment_id, granted_position FROM hold
            WHERE hold.environment_id = wanted.environment_id
                AND granted_position BETWEEN %(first)s AND %(last)s
            ORDER BY granted_position DESC
            LIMIT %(limit)s::bigint + %(offset)s::bigint
        )
        UNION ALL
        (
            SELECT earlier.environment_id, granted_position FROM (
                SELECT * FROM hold
                WHERE hold.environment_id = wanted.environment_id
                    AND granted_position < least(%(first)s::bigint, %(last)s::bigint + 1)
                ORDER BY granted_position DESC LIMIT 1
            ) AS earlier
            WHERE coalesce(ended_at, expires_at) > %(since)s
        )
    ) AS newest
    ORDER BY newest.granted_position DESC
    LIMIT %(limit)s OFFSET %(offset)s
) AS found
CROSS JOIN LATERAL (
    SELECT * FROM hold
    WHERE hold.environment_id = found.environment_id
        AND hold.granted_position = found.granted_position
    LIMIT 1
) AS page
CROSS JOIN LATERAL (
    SELECT CASE WHEN ended_at IS NULL AND expires_at <= clock_timestamp()
        THEN expires_at END AS passed_at
) AS time
ORDER BY page.granted_position DESC;

-- name: summary_of_holds
-- Of all, of each environment and of each requester; who held longest comes first.
-- What goes on is counted up to now, or to when its time is over.
WITH held AS (
    SELECT
        environment_id, requested_by, application,
        coalesce(cause, CASE WHEN expires_at <= clock_timestamp()
            THEN expiry_cause || '_expired' END) AS why,
        date_part('epoch', granted_at - requested_at) AS waited,
        greatest(0, date_part('epoch',
            least(coalesce(ended_at, least(expires_at, clock_timestamp())), %(until)s)
            - greatest(granted_at, %(since)s)
        )) AS seconds
    FROM (
        -- Not one environment after the other: of many holds, all is read in a row.
        SELECT * FROM hold
        WHERE environment_id = ANY(%(environment_ids)s::text[])
            AND granted_position BETWEEN %(first)s AND %(last)s
        UNION ALL
        SELECT earlier.* FROM unnest(%(environment_ids)s::text[]) AS wanted (id)
        CROSS JOIN LATERAL (
            SELECT * FROM hold
            WHERE environment_id = wanted.id AND granted_position < %(first)s
            ORDER BY granted_position DESC LIMIT 1
        ) AS earlier
        WHERE coalesce(ended_at, expires_at) > %(since)s
    ) AS one
)
SELECT
    environment_id, requested_by, application,
    count(*) AS holds,
    coalesce(sum(seconds), 0)::float8 AS held_seconds,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY waited) AS wait_p50,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY waited) AS wait_p95,
    count(*) FILTER (WHERE why = 'lease_expired') AS lease_expiries,
    count(*) FILTER (WHERE why = 'claim_expired') AS claim_expiries
FROM held
GROUP BY GROUPING SETS ((), (environment_id), (requested_by, application))
ORDER BY held_seconds DESC, environment_id, requested_by, application;

-- name: under_holds
-- What was disclosed and released with its ticket while each was held, as its stream and
-- the releases' have it: the first of each, in order.
SELECT wanted.ticket_id, record.topic, record.stored #>> '{origin,at}' AS at,
    record.stored -> 'event' AS event
FROM unnest(
    %(ticket_ids)s::text[], %(environment_ids)s::text[],
    %(granted_versions)s::bigint[], %(ended_versions)s::bigint[],
    %(granted_positions)s::bigint[], %(ended_positions)s::bigint[]
) AS wanted (ticket_id, environment_id, after, before, since, until)
CROSS JOIN LATERAL (
    (
        SELECT notification_id AS position, topic, stored FROM berth_events
        CROSS JOIN LATERAL (
            SELECT event_json(state) AS stored
        ) AS text
        WHERE originator_id = wanted.environment_id AND originator_version > after
            AND originator_version < before AND topic = 'lock.credentials_disclosed'
            AND stored #>> '{event,ticket_id}' = wanted.ticket_id
        ORDER BY originator_version LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT position, topic, stored FROM environment_elsewhere AS elsewhere
        CROSS JOIN LATERAL (
            SELECT event_json(state) AS stored FROM berth_events
            WHERE notification_id = position LIMIT 1
        ) AS published
        WHERE elsewhere.environment_id = wanted.environment_id
            AND position > since AND position < until
            AND topic = 'release.published'
            AND stored #>> '{event,ticket_id}' = wanted.ticket_id
        ORDER BY position LIMIT %(most)s
    )
) AS record
ORDER BY record.position;

-- name: recent_durations
-- How long the latest holds took, in seconds: those that had ended at a position.
SELECT wanted.environment_id, array_agg(seconds ORDER BY seconds) AS seconds
FROM unnest(%(environment_ids)s::text[]) AS wanted (environment_id)
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM ended_at - granted_at)::float8 AS seconds FROM hold
    WHERE hold.environment_id = wanted.environment_id
        AND granted_position <= %(upto)s AND ended_position <= %(upto)s
    ORDER BY granted_position DESC LIMIT %(most)s
) AS ended
GROUP BY wanted.environment_id;

-- name: erase_holders
UPDATE hold SET requested_by = %(erased_as)s
WHERE requested_by = %(name)s AND application IS NULL;

-- name: erase_enders
-- Not where it was an application that is called alike.
UPDATE hold SET ended_by = %(erased_as)s
WHERE ended_by = %(name)s AND (
    SELECT event_json(state) #>> '{origin,application}'
    FROM berth_events WHERE notification_id = hold.ended_position
) IS NULL;
