"""Game days: hours of made-up failures, played in minutes through the real pipeline (docs/gameday.md)."""
