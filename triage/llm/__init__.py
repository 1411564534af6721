"""Asking a language model about a ticket: what leaves the machine, what comes back, what may follow from it.

Pure but for `providers`, which talks HTTP: no tables, no settings, no clock.
"""
