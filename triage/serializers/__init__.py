"""What the API shows of triage, and what it is sent."""
