-- Until when a receiver asked to be left alone. Unlike `retry_at`, which is our own guess,
-- no success takes it back.
ALTER TABLE webhook_health ADD COLUMN rest_until timestamptz;
