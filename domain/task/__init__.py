"""Tasks: work that is asked for, tried, and comes to one end."""
