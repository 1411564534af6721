from triage.admin import batches, corrections, decisions, learning, models, rules, work

__all__ = ["batches", "corrections", "decisions", "learning", "models", "rules", "work"]
