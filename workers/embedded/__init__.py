"""PostgreSQL and NATS from wheels, for one machine and for the tests."""
