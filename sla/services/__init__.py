"""Writes of the watch. One public function is one transaction."""
