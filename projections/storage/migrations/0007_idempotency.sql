-- Requests that came with an Idempotency-Key, and their answers; see answers.py. Rows are
-- kept for a day. `name` is a digest of the caller and the key; `sealed` is encrypted:
-- what the request's secrets are made of, and once there is a status, the answer.
CREATE TABLE idempotent_request (
    name bytea PRIMARY KEY,
    id text NOT NULL,
    fingerprint bytea NOT NULL,
    attempt text NOT NULL,
    taken_until timestamptz NOT NULL,
    status smallint,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX idempotent_request_by_age ON idempotent_request (created_at);
