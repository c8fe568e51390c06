"""Named SQL statements, one file per view."""
