from triage.admin import batches, decisions, learning, models, rules, similar, work

__all__ = ["batches", "decisions", "learning", "models", "rules", "similar", "work"]
