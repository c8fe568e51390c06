-- The journal. The table is the eventsourcing library's, but positions are ours: they
-- are given out under the table's lock, one after the other, so there is no sequence.
CREATE TABLE berth_events (
    originator_id text NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigint NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
) WITH (
    autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_analyze_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.05
);
CREATE UNIQUE INDEX berth_events_notification_id_idx ON berth_events (notification_id);

-- How far each view has read.
CREATE TABLE berth_tracking (
    application_name text PRIMARY KEY,
    notification_id bigint NOT NULL
);

-- A cache of folded streams: may be emptied at any time.
CREATE TABLE snapshot (
    stream text PRIMARY KEY,
    version bigint NOT NULL,
    shape text NOT NULL,
    state bytea NOT NULL
);
