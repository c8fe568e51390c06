-- release_history: environments that were deleted, whose releases are swept out by and by.
-- A rebuild under way has made its tables without this one: it ends, as when another one
-- has begun.
INSERT INTO berth_tracking (application_name, notification_id)
SELECT 'rebuild_release_history', -1
WHERE to_regnamespace('rebuild_release_history') IS NOT NULL
ON CONFLICT (application_name)
DO UPDATE SET notification_id = excluded.notification_id;
CREATE TABLE gone_environment (id text PRIMARY KEY);
