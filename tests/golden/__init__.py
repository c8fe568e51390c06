"""One stored example of each event, as it was written the day the event was new."""
