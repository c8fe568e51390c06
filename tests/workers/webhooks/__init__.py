"""What webhooks are sent, and how what comes back is judged."""
