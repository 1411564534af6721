from triage.admin import (
    batches,
    corrections,
    decisions,
    learning,
    llm,
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
    "llm",
    "models",
    "rules",
    "similar",
    "work",
]
