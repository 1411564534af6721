from triage.admin import batches, decisions, rules, work

__all__ = ["batches", "decisions", "rules", "work"]
