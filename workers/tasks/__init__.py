"""Tasks on their way from the journal to a worker, and what comes of them."""
