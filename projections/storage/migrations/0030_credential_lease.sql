-- Until when one process has a credential to itself: an org may take a refresh token
-- once, and end all that came of it if it comes again. See vault.py.
ALTER TABLE credential ADD COLUMN leased_until timestamptz;
