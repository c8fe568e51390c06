-- Secrets, encrypted; see vault.py. Deleting a row erases its secret from every backup
-- that comes after, and from those before as soon as the wrapping key is rotated.
CREATE TABLE credential (
    id text PRIMARY KEY,
    key_version integer NOT NULL,
    wrapped_key bytea NOT NULL,
    ciphertext bytea NOT NULL
);
