"""What the API shows of the watch."""
