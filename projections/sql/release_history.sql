-- name: add_releases
INSERT INTO release (
    id, position, environment_id, name, domain, domain_key, target_org, repository,
    published_at, published_by, metadata, ticket_id, fence
)
SELECT
    release_id, position, environment_id, name, domain, domain_key, target_org,
    repository, published_at, published_by, metadata, ticket_id, fence
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    release_id text, position bigint, environment_id text, name text, domain text,
    domain_key text, target_org text, repository text, published_at timestamptz,
    published_by text, metadata jsonb, ticket_id text, fence bigint
);

-- name: remove_environments
-- Deleting an environment takes its releases out of the ordinary routes, too. That may be
-- very many, for which no view is to wait: they are swept out later.
INSERT INTO gone_environment (id)
SELECT id FROM jsonb_to_recordset(%(rows)s::jsonb) AS old (id text);

-- name: sweep
-- What is left of environments that are gone, so many releases at a time.
WITH swept AS (
    DELETE FROM release AS old USING (
        SELECT its.id
        FROM gone_environment CROSS JOIN LATERAL (
            SELECT id FROM release
            WHERE environment_id = gone_environment.id
            LIMIT %(limit)s
        ) AS its
        LIMIT %(limit)s
    ) AS few
    WHERE old.id = few.id
    RETURNING old.id
), forgotten AS (
    DELETE FROM gone_environment WHERE NOT EXISTS (
        SELECT FROM release WHERE environment_id = gone_environment.id
    )
)
SELECT count(*) AS number FROM swept;

-- name: releases_of_environment
-- Newest first, and how many there are; with an empty page, one row without an id.
SELECT total.count AS total_count, page.*
FROM (
    SELECT count(*) FROM release
    WHERE environment_id = %(environment_id)s
        AND (%(domain_key)s::text IS NULL OR domain_key = %(domain_key)s)
) AS total
LEFT JOIN LATERAL (
    SELECT * FROM release
    WHERE environment_id = %(environment_id)s
        AND (%(domain_key)s::text IS NULL OR domain_key = %(domain_key)s)
    ORDER BY published_at DESC, position DESC
    LIMIT %(limit)s OFFSET %(offset)s
) AS page ON true
ORDER BY page.published_at DESC, page.position DESC;

-- name: erase_releases
-- Not what an application published that is called alike.
UPDATE release SET published_by = %(erased_as)s
WHERE published_by = %(name)s AND (
    SELECT event_json(state) #>> '{origin,application}'
    FROM berth_events WHERE notification_id = release.position
) IS NULL;
