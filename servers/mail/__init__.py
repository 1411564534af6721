"""What a mail says: its text, its files, what it answers, and whether a person wrote it. Pure."""
