-- name: change_tasks
-- What is not told stays as it was: nothing of a task ever becomes unknown again.
UPDATE task SET
    state = coalesce(new.state, task.state),
    ready_at = coalesce(new.ready_at, task.ready_at),
    attempt = coalesce(new.attempt, task.attempt),
    percent = coalesce(new.percent, task.percent),
    message = coalesce(new.message, task.message),
    started_at = coalesce(new.started_at, task.started_at),
    worker = coalesce(new.worker, task.worker),
    lease_until = coalesce(new.lease_until, task.lease_until),
    failed_attempt = coalesce(new.failed_attempt, task.failed_attempt),
    failure_reason = coalesce(new.failure_reason, task.failure_reason),
    error_message = coalesce(new.error_message, task.error_message),
    error_stack = coalesce(new.error_stack, task.error_stack)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    operation_id text, state text, ready_at timestamptz, attempt integer,
    percent double precision, message text, started_at timestamptz, worker text,
    lease_until timestamptz, failed_attempt integer, failure_reason text,
    error_message text, error_stack text
)
WHERE task.operation_id = new.operation_id;

-- name: make_shelves
SELECT make_shelf('ended_task', new.shelf)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (shelf text)
WHERE NOT EXISTS (
    SELECT FROM kept_shelf
    WHERE new.shelf < oldest AND starts_with(new.shelf, kind)
);

-- name: end_tasks
-- Those that were under way before. What ended too long ago is kept no more.
WITH ended AS (
    DELETE FROM task
    USING jsonb_to_recordset(%(rows)s::jsonb) AS new (
        operation_id text, ended_at timestamptz, result text, shelf text
    )
    WHERE task.operation_id = new.operation_id
    RETURNING task.*, new.ended_at, new.result, new.shelf
)
INSERT INTO ended_task SELECT * FROM ended
WHERE NOT EXISTS (
    SELECT FROM kept_shelf
    WHERE ended.shelf < oldest AND starts_with(ended.shelf, kind)
);

-- name: add_ended
-- Those of which nobody has seen more than the end.
INSERT INTO ended_task
SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    operation_id text, position bigint, task_type text, priority text, queue text,
    state text, ready_at timestamptz, attempt integer, percent double precision,
    message text, submitter_id text, submitter_application text, repository text,
    repository_key text, description text, schedule_id text, slot timestamptz,
    scheduled_for timestamptz, submitted_at timestamptz, started_at timestamptz,
    worker text, lease_until timestamptz, failed_attempt integer, failure_reason text,
    error_message text, error_stack text, ended_at timestamptz, result text, shelf text
)
WHERE NOT EXISTS (
    SELECT FROM kept_shelf
    WHERE new.shelf < oldest AND starts_with(new.shelf, kind)
);

-- name: find_task
SELECT *, NULL AS ended_at, NULL AS result FROM task
WHERE operation_id = %(operation_id)s
UNION ALL
SELECT
    operation_id, position, task_type, priority, queue, state, ready_at, attempt,
    percent, message, submitter_id, submitter_application, repository, repository_key,
    description, schedule_id, slot, scheduled_for, submitted_at, started_at, worker,
    lease_until, failed_attempt, failure_reason, error_message, error_stack, ended_at,
    result
FROM ended_task
WHERE operation_id = %(operation_id)s;

-- name: list_instances
-- Newest first, with their results. `ended_task` has the columns of `task`, and these.
SELECT * FROM (
    SELECT *, NULL::timestamptz AS ended_at, NULL AS result, NULL AS shelf FROM task
    WHERE schedule_id = %(schedule)s AND position < %(before)s
    UNION ALL
    SELECT * FROM ended_task
    WHERE schedule_id = %(schedule)s AND position < %(before)s
) AS every
ORDER BY position DESC
LIMIT %(limit)s;

-- name: count_unfinished
SELECT count(*) AS open FROM task
WHERE submitter_id = %(caller)s
    AND submitter_application IS NOT DISTINCT FROM %(application)s;

-- name: ready_tasks
-- What may be started. Of each queue and priority those that have waited longest, and those
-- that became ready last: what nobody takes must not hide what has just come to its time.
WITH RECURSIVE kind AS (
    (
        SELECT queue, priority FROM task
        WHERE state = 'pending' ORDER BY queue, priority LIMIT 1
    )
    UNION ALL
    SELECT further.queue, further.priority
    FROM kind
    CROSS JOIN LATERAL (
        SELECT queue, priority FROM task
        WHERE state = 'pending' AND (queue, priority) > (kind.queue, kind.priority)
        ORDER BY queue, priority LIMIT 1
    ) AS further
)
SELECT found.*
FROM kind
CROSS JOIN LATERAL (
    (
        SELECT operation_id, queue, priority, attempt, ready_at FROM task
        WHERE state = 'pending' AND queue = kind.queue AND priority = kind.priority
            AND ready_at <= statement_timestamp()
        ORDER BY queue, priority, ready_at LIMIT %(limit)s
    )
    UNION
    (
        SELECT operation_id, queue, priority, attempt, ready_at FROM task
        WHERE state = 'pending' AND queue = kind.queue AND priority = kind.priority
            AND ready_at <= statement_timestamp()
        ORDER BY queue DESC, priority DESC, ready_at DESC LIMIT %(limit)s
    )
) AS found
ORDER BY ready_at;

-- name: due_tasks
-- Whose worker has fallen silent: time has something to say.
SELECT operation_id FROM task
WHERE state <> 'pending' AND lease_until <= statement_timestamp()
ORDER BY lease_until
LIMIT %(limit)s;

-- name: erase_tasks
UPDATE task SET submitter_id = %(erased_as)s
WHERE submitter_id = %(name)s AND submitter_application IS NULL;

-- name: erase_ended
UPDATE ended_task SET submitter_id = %(erased_as)s
WHERE submitter_id = %(name)s AND submitter_application IS NULL;

-- name: tasks_of_person
-- Those that are not over.
SELECT operation_id FROM task
WHERE submitter_id = %(name)s AND submitter_application IS NULL
ORDER BY position;
