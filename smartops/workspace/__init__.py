"""The agents' pages: the list of tickets, and one of them. They change nothing: their scripts ask the API."""
