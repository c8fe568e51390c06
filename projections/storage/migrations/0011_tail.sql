-- How far each tail of the journal has handed on what it read; see tail.py.
CREATE TABLE tail (
    name text PRIMARY KEY,
    position bigint NOT NULL
);
