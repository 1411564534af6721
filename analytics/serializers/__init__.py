"""What may be asked, and how answers look."""
