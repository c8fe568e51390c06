-- name: add_environments
INSERT INTO environment
    (id, project, name_key, is_default, details, created_at, created_by, updated_at,
    updated_by)
SELECT id, project, name_key,
    EXISTS (SELECT FROM chosen_default WHERE chosen_default.id = new.id),
    details, at, by, at, by
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    id text, project text, name_key text, details jsonb, at timestamptz, by text
);

-- name: revise_environments
-- `details` has only what changed.
UPDATE environment SET
    details = environment.details || new.details,
    name_key = coalesce(new.name_key, environment.name_key),
    updated_at = new.at,
    updated_by = new.by
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    id text, name_key text, details jsonb, at timestamptz, by text
)
WHERE environment.id = new.id;

-- name: set_defaults
-- One that is new is chosen before it is registered, and maybe in an earlier batch.
WITH new AS (
    SELECT id, is_default
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS rows (id text, is_default boolean)
), chosen AS (
    INSERT INTO chosen_default SELECT id FROM new WHERE is_default
    ON CONFLICT DO NOTHING
), left_off AS (
    DELETE FROM chosen_default USING new
    WHERE chosen_default.id = new.id AND NOT new.is_default
)
UPDATE environment SET is_default = new.is_default
FROM new WHERE environment.id = new.id;

-- name: set_places
UPDATE environment SET orchestration_order = new.place
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (id text, place integer)
WHERE environment.id = new.id;

-- name: raise_fences
UPDATE environment SET fence = new.fence
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (id text, fence bigint)
WHERE environment.id = new.id AND environment.fence < new.fence;

-- name: change_tickets
UPDATE lock_ticket SET
    status = new.status,
    fence = coalesce(new.fence, lock_ticket.fence),
    acquired_at = coalesce(new.acquired_at, lock_ticket.acquired_at),
    expires_at = coalesce(new.expires_at, lock_ticket.expires_at),
    expiry_cause = coalesce(new.expiry_cause, lock_ticket.expiry_cause),
    ended_at = new.ended_at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    id text, status text, fence bigint, acquired_at timestamptz,
    expires_at timestamptz, expiry_cause text, ended_at timestamptz
)
WHERE lock_ticket.id = new.id;

-- name: change_reviews
-- `review` is the assignment itself if it `is_whole`, else only what changed of it.
UPDATE environment SET
    review = CASE WHEN new.is_whole THEN new.review
        ELSE environment.review || new.review END,
    review_until = new.until
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    id text, is_whole boolean, review jsonb, until timestamptz
)
WHERE environment.id = new.id;

-- name: remove_environments
-- Retired: gone from the listing. Nobody holds or waits for one that is retired.
WITH gone AS (
    SELECT id FROM jsonb_to_recordset(%(rows)s::jsonb) AS old (id text)
), defaults AS (
    DELETE FROM chosen_default USING gone WHERE chosen_default.id = gone.id
)
DELETE FROM environment USING gone WHERE environment.id = gone.id;

-- name: list_environments
-- Every filter may be NULL, which lets everything pass.
SELECT
    environment.*,
    coalesce(tickets.rows, '[]') AS tickets
FROM environment
LEFT JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(lock_ticket) ORDER BY requested_position) AS rows
    FROM lock_ticket
    WHERE lock_ticket.environment_id = environment.id AND ended_at IS NULL
) AS tickets ON true
WHERE (%(id)s::text IS NULL OR id = %(id)s)
    AND (%(project)s::text IS NULL OR project = %(project)s)
    AND (%(name_key)s::text IS NULL OR name_key = %(name_key)s)
    AND (%(category)s::text IS NULL OR details ->> 'category' = %(category)s)
    AND (%(is_active)s::boolean IS NULL
        OR (details ->> 'is_active')::boolean = %(is_active)s)
    AND (%(branch)s::text IS NULL OR details ->> 'branch' = %(branch)s)
    AND (%(tags)s::text[] IS NULL OR details -> 'tags' ?& %(tags)s)
ORDER BY created_at, id;

-- name: find_ticket
SELECT to_jsonb(lock_ticket) AS ticket FROM lock_ticket
WHERE id = %(ticket_id)s AND environment_id = %(environment_id)s;

-- name: count_open_tickets
SELECT count(*) AS open FROM lock_ticket
WHERE requested_by = %(caller)s
    AND application IS NOT DISTINCT FROM %(application)s
    AND ended_at IS NULL;

-- name: due_locks
-- Environments in which time has something to say.
SELECT environment_id FROM lock_ticket
WHERE coalesce(expires_at, lapses_at) <= statement_timestamp() AND ended_at IS NULL
UNION
SELECT id FROM environment WHERE review_until <= statement_timestamp()
LIMIT 1000;

-- name: erase_registrars
-- Not where it was an application that is called alike, here and in the next two. That may
-- be far back in the streams of many: all is read before a row is locked, since whoever
-- keeps this view waits for that.
UPDATE environment SET created_by = %(erased_as)s
WHERE created_by = %(name)s AND id = ANY(ARRAY(
    SELECT id FROM environment AS his
    WHERE created_by = %(name)s AND (
        SELECT event_json(state) #>> '{origin,application}'
        FROM berth_events WHERE originator_id = his.id AND originator_version = 1
    ) IS NULL
));

-- name: erase_revisers
UPDATE environment SET updated_by = %(erased_as)s
WHERE updated_by = %(name)s AND id = ANY(ARRAY(
    SELECT id FROM environment AS his
    WHERE updated_by = %(name)s AND (
        SELECT event_json(state) #>> '{origin,application}'
        FROM berth_events WHERE originator_id = his.id
            AND topic IN ('environment.registered', 'environment.revised')
        ORDER BY originator_version DESC LIMIT 1
    ) IS NULL
));

-- name: erase_reviewers
UPDATE environment SET
    review = review || jsonb_build_object('requested_by', %(erased_as)s::text)
WHERE review ->> 'requested_by' = %(name)s AND id = ANY(ARRAY(
    SELECT id FROM environment AS his
    WHERE review ->> 'requested_by' = %(name)s AND (
        SELECT event_json(state) #>> '{origin,application}'
        FROM berth_events WHERE originator_id = his.id
            AND topic = 'review.assigned'
        ORDER BY originator_version DESC LIMIT 1
    ) IS NULL
));

-- name: erase_tickets
UPDATE lock_ticket SET requested_by = %(erased_as)s
WHERE requested_by = %(name)s AND application IS NULL;

-- name: tickets_of_person
-- Those that hold a lock or wait for one.
SELECT id, environment_id FROM lock_ticket
WHERE requested_by = %(name)s AND application IS NULL AND ended_at IS NULL
ORDER BY requested_position;
