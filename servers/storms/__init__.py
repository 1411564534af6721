"""Many incidents with one cause: how they are told from the usual ones, and what they share. Pure."""
