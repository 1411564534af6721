"""Writes of the watch. One public function is one transaction, unless it says that it joins the caller's."""
