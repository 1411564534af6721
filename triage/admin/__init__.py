from triage.admin import batches, decisions, learning, models, rules, work

__all__ = ["batches", "decisions", "learning", "models", "rules", "work"]
