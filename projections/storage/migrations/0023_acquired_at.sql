-- Since when a lock is held.
ALTER TABLE lock_ticket ADD COLUMN acquired_at timestamptz;
