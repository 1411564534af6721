"""Watching servers, decided: what a look means, when it counts, and which state follows from all of it."""
