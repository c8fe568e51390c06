-- What may be started is looked for by queue and priority, so that none hides another.
CREATE INDEX task_ready_by_queue ON task (queue, priority, ready_at)
    WHERE state = 'pending';
DROP INDEX task_ready;

-- Those that go on are counted for each caller; those that are over go in time.
CREATE INDEX schedule_of_submitter ON schedule (submitter_id) WHERE state = 'pending';
CREATE INDEX schedule_ended ON schedule (ended_at) WHERE state <> 'pending';
