-- schedule_board: each recurring task, when it is due next, and what it has fired.
-- `waiting` slots are fired when the instance `latest_id` is over.
CREATE TABLE schedule (
    id text PRIMARY KEY,
    position bigint NOT NULL,
    task_type text NOT NULL,
    priority text NOT NULL,
    description text,
    repository text,
    repository_key text,
    submitter_id text NOT NULL,
    submitter_application text,
    started_at timestamptz NOT NULL,
    state text NOT NULL,
    next_at timestamptz,
    end_at timestamptz,
    executions bigint NOT NULL,
    waiting integer NOT NULL,
    latest_id text,
    is_latest_over boolean NOT NULL,
    last_fired_at timestamptz,
    ended_at timestamptz
);
CREATE INDEX schedule_due ON schedule (next_at) WHERE state = 'pending';
CREATE INDEX schedule_waiting ON schedule (id)
    WHERE state = 'pending' AND waiting > 0;
CREATE INDEX schedule_of_latest ON schedule (latest_id);
