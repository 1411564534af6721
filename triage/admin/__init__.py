from triage.admin import (
    batches,
    corrections,
    decisions,
    learning,
    models,
    rules,
    similar,
    work,
)

__all__ = [
    "batches",
    "corrections",
    "decisions",
    "learning",
    "models",
    "rules",
    "similar",
    "work",
]
