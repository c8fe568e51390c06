-- When a receiver failed last: one that nothing was sent to since, for days, has not been
-- failing all that time.
ALTER TABLE webhook_health ADD COLUMN failed_at timestamptz;
