from triage.admin import rules, work

__all__ = ["rules", "work"]
