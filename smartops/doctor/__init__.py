"""`manage.py doctor`: what must be right for the desk to keep its promises, and how to mend what is not."""

from smartops.doctor.examination import CHECKS, examine
from smartops.doctor.finding import Finding, Level

__all__ = ["CHECKS", "Finding", "Level", "examine"]
