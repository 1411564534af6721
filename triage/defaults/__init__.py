"""What a new desk starts with: departments, groups, categories, rules, routes. All of it can be edited later."""

from typing import Final

from triage.defaults.desk import DEPARTMENTS, GROUPS, RESTRICTED
from triage.defaults.severity import SEVERITY_RULES, SeverityRule
from triage.defaults.topics_business import BUSINESS_TOPICS
from triage.defaults.topics_it import IT_TOPICS
from triage.defaults.topics_product import PRODUCT_TOPICS
from triage.defaults.words import Topic, terms

TOPICS: Final = (*IT_TOPICS, *PRODUCT_TOPICS, *BUSINESS_TOPICS)

__all__ = [
    "DEPARTMENTS",
    "GROUPS",
    "RESTRICTED",
    "SEVERITY_RULES",
    "TOPICS",
    "SeverityRule",
    "Topic",
    "terms",
]
