-- task_board: each task. Those that are not over are few, and looked through all the time;
-- those that are lie on shelves, one for a day and a kind of end, and go a shelf at a time.
CREATE TABLE task (
    operation_id text PRIMARY KEY,
    position bigint NOT NULL,
    task_type text NOT NULL,
    priority text NOT NULL,
    queue text NOT NULL,
    state text NOT NULL,
    ready_at timestamptz NOT NULL,
    attempt integer NOT NULL,
    percent double precision NOT NULL,
    message text NOT NULL,
    submitter_id text NOT NULL,
    submitter_application text,
    repository text,
    repository_key text,
    description text,
    schedule_id text,
    slot timestamptz,
    scheduled_for timestamptz,
    submitted_at timestamptz NOT NULL,
    started_at timestamptz,
    worker text,
    lease_until timestamptz,
    failed_attempt integer NOT NULL,
    failure_reason text,
    error_message text,
    error_stack text
);
CREATE INDEX task_ready ON task (ready_at) INCLUDE (queue) WHERE state = 'pending';
CREATE INDEX task_due ON task (lease_until) INCLUDE (queue, state, ready_at)
    WHERE state <> 'pending';
CREATE INDEX task_by_state ON task (state, position);
CREATE INDEX task_of_submitter ON task (submitter_id, position);
CREATE INDEX task_of_schedule ON task (schedule_id, position)
    WHERE schedule_id IS NOT NULL;

-- `result` is JSON as text: what a task returns may have characters that jsonb refuses.
CREATE TABLE ended_task (
    LIKE task,
    ended_at timestamptz NOT NULL,
    result text,
    shelf text NOT NULL
) PARTITION BY LIST (shelf);
CREATE INDEX ended_task_by_id ON ended_task (operation_id);
CREATE INDEX ended_task_by_state ON ended_task (state, position);
CREATE INDEX ended_task_of_submitter ON ended_task (submitter_id, position);
CREATE INDEX ended_task_of_schedule ON ended_task (schedule_id, position)
    WHERE schedule_id IS NOT NULL;

-- What attempts have written; see task_log.py. `written` counts the attempt's bytes so far.
CREATE TABLE task_log (
    operation_id text NOT NULL,
    attempt integer NOT NULL,
    written bigint NOT NULL,
    content text NOT NULL,
    shelf text NOT NULL
) PARTITION BY LIST (shelf);
CREATE INDEX task_log_of_attempt ON task_log (operation_id, attempt, written);

-- The oldest shelf of each kind that is kept: what was dropped does not come back when the
-- view is built anew.
CREATE TABLE kept_shelf (
    kind text PRIMARY KEY,
    oldest text NOT NULL
);

-- Makes sure that there is a shelf such as completed_20260101, in the first schema of the
-- search path. One that is attached, unlike one that is created in its place, keeps no
-- reader waiting.
CREATE FUNCTION make_shelf(parent text, shelf text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name text := parent || '_' || shelf;
BEGIN
    IF to_regclass(format('%I.%I', current_schema(), name)) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('make_shelf'));
    IF to_regclass(format('%I.%I', current_schema(), name)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS)', name, parent);
        EXECUTE format(
            'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES IN (%L)', parent, name, shelf
        );
    END IF;
END
$$;
