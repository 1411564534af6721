"""What each product's alerts look like, and how its words become ours. Pure: bodies in, alerts out."""
