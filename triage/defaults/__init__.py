"""What a new desk starts with: departments, groups, categories, rules, routes. All of it can be edited later."""

from typing import Final

from triage.defaults.desk import DEPARTMENTS, GROUPS, RESTRICTED
from triage.defaults.severity import SEVERITY_RULES, SeverityRule
from triage.defaults.topics_business import BUSINESS_TOPICS
from triage.defaults.topics_it import IT_TOPICS
from triage.defaults.topics_product import PRODUCT_TOPICS
from triage.defaults.words import Topic, terms
from triage.rules import RuleBook, RuleSpec
from triage.terms import terms_of

TOPICS: Final = (*IT_TOPICS, *PRODUCT_TOPICS, *BUSINESS_TOPICS)


def category_rules() -> RuleBook:
    """The category rules that a new desk has, compiled: the shipped model is trained beside them."""
    return RuleBook.compile(
        RuleSpec(
            id=position,
            position=position,
            name=topic.name,
            terms=terms_of(terms(topic.words)),
            exclude=terms_of(terms(topic.exclude)),
            category=topic.slug,
        )
        for position, topic in enumerate(TOPICS, start=1)
    )


__all__ = [
    "DEPARTMENTS",
    "GROUPS",
    "RESTRICTED",
    "SEVERITY_RULES",
    "TOPICS",
    "SeverityRule",
    "Topic",
    "category_rules",
    "terms",
]
