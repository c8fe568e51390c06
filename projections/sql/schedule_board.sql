-- name: add_schedules
INSERT INTO schedule
SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    id text, position bigint, task_type text, priority text, description text, repository text,
    repository_key text, submitter_id text, submitter_application text,
    started_at timestamptz, state text, next_at timestamptz, end_at timestamptz,
    executions bigint, waiting integer, latest_id text, is_latest_over boolean,
    last_fired_at timestamptz, ended_at timestamptz
);

-- name: change_schedules
-- Every event tells `next_at`. Of the rest, what is not told stays as it was.
UPDATE schedule SET
    next_at = new.next_at,
    state = coalesce(new.state, schedule.state),
    executions = coalesce(new.executions, schedule.executions),
    waiting = coalesce(new.waiting, schedule.waiting),
    latest_id = coalesce(new.latest_id, schedule.latest_id),
    is_latest_over = coalesce(new.is_latest_over, schedule.is_latest_over),
    last_fired_at = coalesce(new.last_fired_at, schedule.last_fired_at),
    ended_at = coalesce(new.ended_at, schedule.ended_at)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    id text, next_at timestamptz, state text, executions bigint, waiting integer,
    latest_id text, is_latest_over boolean, last_fired_at timestamptz,
    ended_at timestamptz
)
WHERE schedule.id = new.id;

-- name: end_instances
-- Most tasks are nobody's latest instance.
UPDATE schedule SET is_latest_over = true
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (operation_id text)
WHERE schedule.latest_id = new.operation_id;

-- name: due_schedules
-- Those with a slot to be dealt with, or with one that need wait no longer; and how many
-- instances of each are not over, as far as that matters.
SELECT due.id, (
    SELECT count(*) FROM (
        SELECT FROM task WHERE schedule_id = due.id LIMIT %(open_max)s
    ) AS open
) AS open
FROM (
    SELECT id FROM schedule
    WHERE state = 'pending' AND next_at <= statement_timestamp()
    UNION
    SELECT id FROM schedule
    WHERE state = 'pending' AND waiting > 0 AND is_latest_over
    LIMIT 1000
) AS due;

-- name: count_going
SELECT count(*) AS open FROM schedule
WHERE submitter_id = %(caller)s AND state = 'pending'
    AND submitter_application IS NOT DISTINCT FROM %(application)s;

-- name: find_schedule
SELECT * FROM schedule WHERE id = %(id)s;

-- name: list_schedules
-- Newest first. There are few beside the tasks that they fire.
SELECT * FROM schedule
WHERE position < %(before)s AND state = ANY(%(states)s::text[])
    AND (%(submitter)s::text IS NULL OR submitter_id = %(submitter)s)
    AND (%(is_any)s OR submitter_application IS NOT DISTINCT FROM %(application)s)
    AND (%(schedule)s::text IS NULL OR id = %(schedule)s)
    AND (%(type)s::text IS NULL OR task_type = %(type)s)
    AND (%(priority)s::text IS NULL OR priority = %(priority)s)
    AND (%(repository)s::text IS NULL OR repository_key = %(repository)s)
    AND (%(reach)s::text[] IS NULL OR repository_key = ANY(%(reach)s))
ORDER BY position DESC
LIMIT %(limit)s;

-- name: erase_schedules
UPDATE schedule SET submitter_id = %(erased_as)s
WHERE submitter_id = %(name)s AND submitter_application IS NULL;

-- name: schedules_of_person
-- Those that go on.
SELECT id FROM schedule
WHERE submitter_id = %(name)s AND submitter_application IS NULL AND state = 'pending'
ORDER BY position;
