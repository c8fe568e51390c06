-- name: list_by_state
-- Newest first: for each state, the indexes alone say which tasks are the newest, those
-- of `task` and those of `ended_task`.
SELECT found.*
FROM unnest(%(states)s::text[]) AS wanted (state)
CROSS JOIN LATERAL (
    SELECT * FROM every_task()
    WHERE state = wanted.state AND position < %(before)s
        AND (%(type)s::text IS NULL OR task_type = %(type)s)
        AND (%(priority)s::text IS NULL OR priority = %(priority)s)
        AND (%(repository)s::text IS NULL OR repository_key = %(repository)s)
        AND (%(reach)s::text[] IS NULL OR repository_key = ANY(%(reach)s))
    ORDER BY position DESC
    LIMIT %(limit)s
) AS found
ORDER BY position DESC
LIMIT %(limit)s;

-- name: list_by_type
SELECT found.*
FROM unnest(%(states)s::text[]) AS wanted (state)
CROSS JOIN LATERAL (
    SELECT * FROM every_task()
    WHERE state = wanted.state AND position < %(before)s
        AND task_type = %(type)s
        AND (%(priority)s::text IS NULL OR priority = %(priority)s)
        AND (%(repository)s::text IS NULL OR repository_key = %(repository)s)
        AND (%(reach)s::text[] IS NULL OR repository_key = ANY(%(reach)s))
    ORDER BY position DESC
    LIMIT %(limit)s
) AS found
ORDER BY position DESC
LIMIT %(limit)s;

-- name: list_by_priority
SELECT found.*
FROM unnest(%(states)s::text[]) AS wanted (state)
CROSS JOIN LATERAL (
    SELECT * FROM every_task()
    WHERE state = wanted.state AND position < %(before)s
        AND priority = %(priority)s
        AND (%(repository)s::text IS NULL OR repository_key = %(repository)s)
        AND (%(reach)s::text[] IS NULL OR repository_key = ANY(%(reach)s))
    ORDER BY position DESC
    LIMIT %(limit)s
) AS found
ORDER BY position DESC
LIMIT %(limit)s;

-- name: list_by_repository
-- Also for who is limited to some.
SELECT found.*
FROM unnest(%(states)s::text[]) AS wanted (state)
CROSS JOIN unnest(%(repositories)s::text[]) AS within (repository)
CROSS JOIN LATERAL (
    SELECT * FROM every_task()
    WHERE state = wanted.state AND position < %(before)s
        AND repository_key = within.repository
        AND (%(reach)s::text[] IS NULL OR repository_key = ANY(%(reach)s))
        AND (%(type)s::text IS NULL OR task_type = %(type)s)
        AND (%(priority)s::text IS NULL OR priority = %(priority)s)
    ORDER BY position DESC
    LIMIT %(limit)s
) AS found
ORDER BY position DESC
LIMIT %(limit)s;

-- name: list_of_submitter
SELECT found.*
FROM unnest(%(states)s::text[]) AS wanted (state)
CROSS JOIN LATERAL (
    SELECT * FROM every_task()
    WHERE state = wanted.state AND position < %(before)s
        AND submitter_id = %(submitter)s
        AND (%(is_any)s OR submitter_application IS NOT DISTINCT FROM %(application)s)
        AND (%(schedule)s::text IS NULL OR schedule_id = %(schedule)s)
        AND (%(type)s::text IS NULL OR task_type = %(type)s)
        AND (%(priority)s::text IS NULL OR priority = %(priority)s)
        AND (%(repository)s::text IS NULL OR repository_key = %(repository)s)
        AND (%(reach)s::text[] IS NULL OR repository_key = ANY(%(reach)s))
    ORDER BY position DESC
    LIMIT %(limit)s
) AS found
ORDER BY position DESC
LIMIT %(limit)s;

-- name: list_of_schedule
-- Also for who sees only what is his own.
SELECT found.*
FROM unnest(%(states)s::text[]) AS wanted (state)
CROSS JOIN LATERAL (
    SELECT * FROM every_task()
    WHERE state = wanted.state AND position < %(before)s
        AND schedule_id = %(schedule)s
        AND (%(submitter)s::text IS NULL OR submitter_id = %(submitter)s)
        AND (%(is_any)s OR submitter_application IS NOT DISTINCT FROM %(application)s)
        AND (%(type)s::text IS NULL OR task_type = %(type)s)
        AND (%(priority)s::text IS NULL OR priority = %(priority)s)
        AND (%(repository)s::text IS NULL OR repository_key = %(repository)s)
        AND (%(reach)s::text[] IS NULL OR repository_key = ANY(%(reach)s))
    ORDER BY position DESC
    LIMIT %(limit)s
) AS found
ORDER BY position DESC
LIMIT %(limit)s;
