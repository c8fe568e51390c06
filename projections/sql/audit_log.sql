-- name: add_environments
INSERT INTO audited_environment (id, repository)
SELECT id, repository
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (id text, repository text);

-- name: remove_strangers
-- Of the records from the first position to the last: somebody may ask for an environment
-- that is not there, or is there no more, and it has no audit. To copy all of them and to
-- look afterwards costs half of what it does to look at each before.
DELETE FROM audit_record
WHERE position BETWEEN (%(rows)s::jsonb #>> '{0,first}')::bigint
        AND (%(rows)s::jsonb #>> '{0,last}')::bigint
    AND NOT EXISTS (
        SELECT FROM audited_environment
        WHERE audited_environment.id = audit_record.environment_id AND NOT is_gone
    );

-- name: remove_environments
-- Deleting an environment takes its audit out of the ordinary routes (DESIGN 4). That may
-- be millions of records, for which no view is to wait: they are swept out later.
UPDATE audited_environment SET is_gone = true
FROM jsonb_to_recordset(%(rows)s::jsonb) AS old (id text)
WHERE audited_environment.id = old.id;

-- name: sweep
-- What is left of environments that are gone, so many records at a time.
WITH swept AS (
    DELETE FROM audit_record AS old USING (
        SELECT its.position, its.environment_id
        FROM audited_environment CROSS JOIN LATERAL (
            SELECT position, environment_id FROM audit_record
            WHERE environment_id = audited_environment.id
            LIMIT %(limit)s
        ) AS its
        WHERE is_gone
        LIMIT %(limit)s
    ) AS few
    WHERE old.position = few.position AND old.environment_id = few.environment_id
    RETURNING old.position
), forgotten AS (
    DELETE FROM audited_environment
    WHERE is_gone AND NOT EXISTS (
        SELECT FROM audit_record WHERE environment_id = audited_environment.id
    )
)
SELECT count(*) AS number FROM swept;

-- name: audit_of_environments
-- Newest first, of the environments given, or else of those that one caller had to do
-- with, from each of which an index leads to the next: for each of them and each type of
-- access, an index alone says which records are the newest, of one caller if one is given;
-- of all these, the page is cut, and only then are records read. Those of one event are in
-- the order of their environments' ids, so that pages meet.
-- Equalities in place of BETWEEN would let PostgreSQL walk the whole log by position.
SELECT record.*, known.repository
FROM (
    SELECT newest.position, wanted.environment_id
    FROM unnest(coalesce(
        %(environment_ids)s::text[],
        ARRAY(
            WITH RECURSIVE his (environment_id) AS (
                SELECT ''
                UNION ALL
                SELECT next.environment_id FROM his CROSS JOIN LATERAL (
                    SELECT accessed_by, environment_id FROM audit_record
                    WHERE (accessed_by, environment_id)
                        > (%(accessed_by)s::text, his.environment_id)
                    ORDER BY accessed_by, environment_id LIMIT 1
                ) AS next
                WHERE next.accessed_by = %(accessed_by)s::text
            )
            SELECT environment_id FROM his
            JOIN audited_environment ON id = environment_id AND NOT is_gone
        )
    )) AS wanted (environment_id)
    CROSS JOIN unnest(%(access_types)s::text[]) AS kind (access_type)
    CROSS JOIN LATERAL (
        (
            SELECT position FROM audit_record
            WHERE %(accessed_by)s::text IS NULL
                AND (environment_id, access_type, position)
                BETWEEN (wanted.environment_id, kind.access_type, %(first)s::bigint)
                AND (wanted.environment_id, kind.access_type, %(last)s::bigint)
            ORDER BY environment_id DESC, access_type DESC, position DESC
            LIMIT %(limit)s::bigint + %(offset)s::bigint
        )
        UNION ALL
        (
            SELECT position FROM audit_record
            WHERE %(accessed_by)s::text IS NOT NULL
                AND (accessed_by, environment_id, access_type, position)
                BETWEEN (
                    %(accessed_by)s::text, wanted.environment_id, kind.access_type,
                    %(first)s::bigint
                )
                AND (
                    %(accessed_by)s::text, wanted.environment_id, kind.access_type,
                    %(last)s::bigint
                )
            ORDER BY accessed_by DESC, environment_id DESC, access_type DESC,
                position DESC
            LIMIT %(limit)s::bigint + %(offset)s::bigint
        )
    ) AS newest
    ORDER BY newest.position DESC, wanted.environment_id
    LIMIT %(limit)s OFFSET %(offset)s
) AS page
CROSS JOIN LATERAL (
    SELECT * FROM audit_record
    WHERE position = page.position AND environment_id = page.environment_id
    LIMIT 1
) AS record
JOIN audited_environment AS known ON known.id = record.environment_id AND NOT is_gone
ORDER BY record.position DESC, record.environment_id;

-- name: erase_actors
UPDATE audit_record SET
    accessed_by = %(erased_as)s,
    ip_address = CASE WHEN num_nulls(ip_address, user_agent) < 2 THEN %(erased)s END,
    user_agent = CASE WHEN num_nulls(ip_address, user_agent) < 2 THEN %(erased)s END
WHERE accessed_by = %(name)s AND accessed_by_application IS NULL;

-- name: erase_details
-- Whose lock it was that somebody else released, or who was granted it by that.
UPDATE audit_record SET access_details = access_details || (
    SELECT jsonb_object_agg(key, %(erased_as)s::text)
    FROM jsonb_each_text(access_details)
    WHERE key IN ('granted_to', 'requested_by') AND value = %(name)s
)
WHERE %(name)s IN (access_details ->> 'granted_to', access_details ->> 'requested_by');
