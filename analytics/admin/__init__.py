"""Admin pages of analytics."""

from analytics.admin import figures  # noqa: F401
