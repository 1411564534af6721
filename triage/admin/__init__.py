from triage.admin import batches, decisions, learning, models, rules, work

__all__ = ["batches", "decisions", "learning", "models", "rules", "work"]
from triage.admin import corrections

__all__ = ["batches", "corrections", "decisions", "rules", "work"]
