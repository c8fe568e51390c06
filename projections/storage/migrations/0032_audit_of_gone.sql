-- audit_log: an environment that was deleted, whose records are swept out by and by.
-- A rebuild under way has made its tables without the column: it ends, as when another
-- one has begun.
INSERT INTO berth_tracking (application_name, notification_id)
SELECT 'rebuild_audit_log', -1 WHERE to_regnamespace('rebuild_audit_log') IS NOT NULL
ON CONFLICT (application_name)
DO UPDATE SET notification_id = excluded.notification_id;
ALTER TABLE audited_environment ADD COLUMN is_gone boolean NOT NULL DEFAULT false;
