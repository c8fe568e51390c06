-- name: end_names
UPDATE environment_name AS old SET until = gone.until
FROM jsonb_to_recordset(%(rows)s::jsonb) AS gone (environment_id text, until bigint)
WHERE old.environment_id = gone.environment_id AND old.until IS NULL;

-- name: begin_names
-- Where a name follows one that was there before, it is in the same repository.
INSERT INTO environment_name
    (since, until, environment_id, project, name_key, repository, name)
SELECT
    since, until, environment_id, coalesce(new.project, known.project), name_key,
    coalesce(new.repository, known.repository), name
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    since bigint, until bigint, environment_id text, project text, name_key text,
    repository text, name text
)
LEFT JOIN LATERAL (
    SELECT known.project, known.repository FROM environment_name AS known
    WHERE new.project IS NULL AND known.environment_id = new.environment_id LIMIT 1
) AS known ON true;

-- name: add_elsewhere
-- A refusal may be of no environment at all.
INSERT INTO environment_elsewhere (environment_id, position, topic)
SELECT environment_id, position, topic
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    environment_id text, position bigint, topic text
)
WHERE environment_id IS NOT NULL;

-- name: known_environments
-- Under the names that they had at a position. Who has none by now is retired.
SELECT since, environment_id, repository, name, is_retired
FROM environment_name AS found
CROSS JOIN LATERAL (
    SELECT NOT EXISTS (
        SELECT FROM environment_name AS now
        WHERE now.environment_id = found.environment_id AND now.until IS NULL
    ) AS is_retired
) AS today
WHERE since <= %(upto)s AND (until IS NULL OR until > %(upto)s)
    AND (%(project)s::text IS NULL OR project = %(project)s)
    AND (%(retired)s OR NOT is_retired)
ORDER BY since
LIMIT %(limit)s;

-- name: environments_between
-- Whoever was there at some time between two positions, under the latest name of then.
SELECT DISTINCT ON (environment_id) environment_id, repository, name, is_retired
FROM environment_name AS found
CROSS JOIN LATERAL (
    SELECT NOT EXISTS (
        SELECT FROM environment_name AS now
        WHERE now.environment_id = found.environment_id AND now.until IS NULL
    ) AS is_retired
) AS today
WHERE project = %(project)s AND since <= %(last)s
    AND (until IS NULL OR until >= %(first)s)
    AND (%(retired)s OR NOT is_retired)
ORDER BY environment_id, since DESC
LIMIT %(limit)s;

-- name: names_between
-- Those that each had at some time between two positions, and the last one it had if it
-- was retired before. The latest come first.
SELECT environment_id, since, repository, name FROM environment_name AS found
WHERE environment_id = ANY(%(ids)s::text[]) AND since <= %(last)s
    AND (until IS NULL OR until >= %(first)s OR NOT EXISTS (
        SELECT FROM environment_name AS later
        WHERE later.environment_id = found.environment_id
            AND later.since > found.since
    ))
ORDER BY since DESC;

-- name: known_environment
-- By its id, or as the one that had the name last, up to a position.
SELECT
    since, environment_id, repository, name,
    until IS NOT NULL AND until <= %(upto)s AS has_ended,
    NOT EXISTS (
        SELECT FROM environment_name AS now
        WHERE now.environment_id = found.environment_id AND now.until IS NULL
    ) AS is_retired
FROM environment_name AS found
WHERE (%(id)s::text IS NULL OR environment_id = %(id)s)
    AND (%(project)s::text IS NULL OR project = %(project)s)
    AND (%(name_key)s::text IS NULL OR name_key = %(name_key)s)
    AND since <= %(upto)s
ORDER BY since DESC
LIMIT 1;

-- name: first_known
-- When the environment, or whoever had this name first, came to be.
SELECT since, environment_id FROM environment_name
WHERE (%(id)s::text IS NULL OR environment_id = %(id)s)
    AND (%(project)s::text IS NULL OR project = %(project)s)
    AND (%(name_key)s::text IS NULL OR name_key = %(name_key)s)
ORDER BY since LIMIT 1;

-- name: positions_of_environment
-- Of its own stream, by halves of its versions, since those rise with the positions;
-- and elsewhere. As far as this view has read: what comes later may be missing here.
WITH RECURSIVE reach AS MATERIALIZED (
    SELECT coalesce((
        SELECT notification_id FROM berth_tracking
        WHERE application_name = 'environment_history'
    ), 0) AS tip
), search (low, high) AS (
    SELECT 0::bigint, coalesce((
        SELECT originator_version FROM berth_events WHERE originator_id = %(id)s
        ORDER BY originator_version DESC LIMIT 1
    ), 0)
    UNION ALL
    SELECT
        CASE WHEN probe.is_before THEN middle ELSE low END,
        CASE WHEN probe.is_before THEN high ELSE middle - 1 END
    FROM (
        SELECT low, high, (low + high + 1) / 2 AS middle FROM search WHERE low < high
    ) AS halves
    CROSS JOIN LATERAL (
        -- Where somebody has removed events, the one before them tells.
        SELECT coalesce((
            SELECT notification_id <= %(after)s FROM berth_events
            WHERE originator_id = %(id)s AND originator_version <= middle
            ORDER BY originator_version DESC LIMIT 1
        ), true) AS is_before
    ) AS probe
), scanned AS (
    (
        SELECT own.* FROM (SELECT low FROM search WHERE low = high LIMIT 1) AS begin
        CROSS JOIN LATERAL (
            SELECT notification_id AS position, topic FROM berth_events
            WHERE originator_id = %(id)s AND originator_version > begin.low
            ORDER BY originator_version LIMIT %(scan)s
        ) AS own
    )
    UNION ALL
    (
        SELECT position, topic FROM environment_elsewhere
        WHERE environment_id = %(id)s AND position > %(after)s
        ORDER BY position LIMIT %(scan)s
    )
)
SELECT reach.tip, page.position, page.topic
FROM reach
LEFT JOIN LATERAL (
    SELECT * FROM scanned WHERE position <= least(reach.tip, %(last)s)
    ORDER BY position LIMIT %(scan)s
) AS page ON true
ORDER BY page.position;

-- name: grown_environments
-- By so many events since their last snapshot.
SELECT known.stream
FROM (
    SELECT environment_id AS stream FROM environment_name WHERE until IS NULL
) AS known
CROSS JOIN LATERAL (
    SELECT originator_version AS version FROM berth_events
    WHERE originator_id = known.stream ORDER BY originator_version DESC LIMIT 1
) AS head
LEFT JOIN LATERAL (
    SELECT version FROM history_snapshot AS made
    WHERE made.stream = known.stream AND shape = %(shape)s
    ORDER BY position DESC LIMIT 1
) AS kept ON true
WHERE head.version - coalesce(kept.version, 0) >= %(every)s
LIMIT %(limit)s;
