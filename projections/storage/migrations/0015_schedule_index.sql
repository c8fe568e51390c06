-- A caller's recurring tasks, and all of them, newest first.
CREATE INDEX schedule_by_submitter ON schedule (submitter_id, position);
CREATE INDEX schedule_by_position ON schedule (position);

-- Each task, over or not. No view: that would hold on to the very tables it was made of,
-- which a rebuild of the task board replaces. PostgreSQL puts the query in the place of
-- the call, so that the indexes of both tables serve what is asked.
CREATE FUNCTION every_task() RETURNS TABLE (
    operation_id text, "position" bigint, task_type text, priority text, queue text,
    state text, ready_at timestamptz, attempt integer, percent double precision,
    message text, submitter_id text, submitter_application text, repository text,
    repository_key text, description text, schedule_id text, slot timestamptz,
    scheduled_for timestamptz, submitted_at timestamptz, started_at timestamptz,
    worker text, lease_until timestamptz, failed_attempt integer, failure_reason text,
    error_message text, error_stack text, ended_at timestamptz
)
LANGUAGE sql STABLE AS $$
SELECT task.*, NULL::timestamptz FROM task
UNION ALL
SELECT
    operation_id, position, task_type, priority, queue, state, ready_at, attempt,
    percent, message, submitter_id, submitter_application, repository,
    repository_key, description, schedule_id, slot, scheduled_for, submitted_at,
    started_at, worker, lease_until, failed_attempt, failure_reason,
    error_message, error_stack, ended_at
FROM ended_task
$$;
