-- webhook_directory: each webhook, also those that were deleted: what still waits to be
-- delivered to them is for nobody. Their URLs, headers and secrets are in the vault.
CREATE TABLE webhook (
    id text PRIMARY KEY,
    status text NOT NULL,
    facts jsonb NOT NULL,
    previous_secret_id text,
    previous_until timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    active_since timestamptz NOT NULL
);

-- What waits to be delivered, and only that; see deliveries.py. A row is there from when
-- its event was found to be wanted until it is delivered or given up. `due_at` lies in the
-- future while somebody is at it: then it is his until that instant, and `claim` is his.
-- `subject` is of those in order: of each subject, only the one that `is_first` is tried.
CREATE TABLE webhook_delivery (
    webhook_id text NOT NULL,
    position bigint NOT NULL,
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    is_first boolean NOT NULL DEFAULT true,
    claim bigint,
    subject text,
    PRIMARY KEY (webhook_id, position)
) WITH (
    -- Every row is changed and then deleted within moments, so the dead are many.
    fillfactor = 80,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_threshold = 5000
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, due_at, position)
    WHERE is_first;
CREATE INDEX webhook_delivery_of_subject
    ON webhook_delivery (webhook_id, subject, position) WHERE subject IS NOT NULL;
CREATE INDEX webhook_delivery_first ON webhook_delivery (webhook_id, subject)
    WHERE is_first AND subject IS NOT NULL;
CREATE INDEX webhook_delivery_again ON webhook_delivery (webhook_id)
    WHERE attempts > 0 AND claim IS NULL;

-- How each receiver is doing. While `trips` is not 0, one delivery at a time is tried, as
-- a probe; before `retry_at`, none.
CREATE TABLE webhook_health (
    webhook_id text PRIMARY KEY,
    failures integer NOT NULL DEFAULT 0,
    trips integer NOT NULL DEFAULT 0,
    retry_at timestamptz,
    failing_since timestamptz,
    last_delivery_at timestamptz
) WITH (fillfactor = 20, autovacuum_vacuum_cost_delay = 0);

-- What came of each attempt; a shelf for each day (see shelves.py).
CREATE SEQUENCE webhook_attempt_id;
CREATE TABLE webhook_attempt (
    id bigint NOT NULL DEFAULT nextval('webhook_attempt_id'),
    webhook_id text NOT NULL,
    position bigint NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    attempt integer NOT NULL,
    outcome text NOT NULL,
    status integer,
    latency_ms real NOT NULL,
    error text,
    head text NOT NULL,
    at timestamptz NOT NULL,
    next_at timestamptz,
    shelf text NOT NULL
) PARTITION BY LIST (shelf);
CREATE INDEX webhook_attempt_of_webhook ON webhook_attempt (webhook_id, id);
