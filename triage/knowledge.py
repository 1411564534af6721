"""What triage knows, read from the database once and kept until an edit there changes it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Final

import structlog
from django.db import connection

from tickets.models import Category, Department, SupportGroup
from triage.classifier.model import TrainedModel
from triage.classifier.storage import ModelUnreadable, loads
from triage.decide import Classifier, Knowledge
from triage.evidence import Evidence, Given, Guess, examine
from triage.matrix import PriorityMatrix
from triage.models import ClassifierModel, FieldPolicy, PriorityCell, RoutingRule, Rule
from triage.pool import among
from triage.routing import RoutingSpec, RoutingTable
from triage.rules import RuleBook, RuleSpec
from triage.terms import terms_of

log = structlog.get_logger("triage.knowledge")


@dataclass(frozen=True)
class Loaded:
    """Knowledge with the classifiers and the rows that decisions name. `models`: by the field that they decide."""

    stamp: str
    knowledge: Knowledge
    models: dict[str, TrainedModel]
    categories: dict[str, Category] = field(default_factory=dict)
    departments: dict[str, Department] = field(default_factory=dict)
    groups: dict[str, SupportGroup] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> dict[str, dict[int, Category | Department | SupportGroup]]:
        """The same rows by the ticket's column that points to them."""
        return {
            "category": {row.pk: row for row in self.categories.values()},
            "department": {row.pk: row for row in self.departments.values()},
            "group": {row.pk: row for row in self.groups.values()},
        }

    def name_of(self, field: str, value: int) -> int | str:
        """What decisions call a ticket's value: a category's slug, a department's or group's name, a number."""
        row = self.by_id[field].get(value) if field in self.by_id else None
        if row is None:
            return value
        return row.slug if isinstance(row, Category) else row.name

    def examine(self, givens: Sequence[Given]) -> list[Evidence | Exception]:
        """Ask rules, signals and classifiers about tickets."""
        return examine(givens, self.knowledge.rules, self._guesses)

    @cached_property
    def _guesses(self) -> dict[str, Guess]:
        """The classifiers to ask. A category that the desk has no more cannot be an answer."""
        guesses: dict[str, Guess] = {name: model.predict for name, model in self.models.items()}
        model = self.models.get("category")
        if model is None or self.categories.keys() >= set(model.labels):
            return guesses
        if self.categories.keys().isdisjoint(model.labels):
            return {name: guess for name, guess in guesses.items() if name != "category"}
        known = frozenset(self.categories)
        return {
            **guesses,
            "category": lambda texts: [among(g, known) for g in model.predict(texts)],
        }


#: In the place of a classifier's name: no classifier decides anything.
RULES_ALONE: Final = "rules"

_lock = threading.Lock()
_loaded: Loaded | None = None


def current() -> Loaded:
    """Return what is known now. One small query tells whether anything was edited since the last call."""
    global _loaded
    stamp = _stamp()
    with _lock:
        if _loaded is None or _loaded.stamp != stamp:
            _loaded = _load(stamp, _loaded)
        return _loaded


def with_classifier(name: str) -> Loaded:
    """What is known now, but the classifier `name` decides its field; with RULES_ALONE no classifier decides any.

    :raises LookupError: there is no such classifier, or its data cannot be read.
    """
    loaded = current()
    if name == RULES_ALONE:
        return replace(loaded, knowledge=replace(loaded.knowledge, classifiers={}), models={})
    row = ClassifierModel.objects.filter(name=name).defer("data").first()
    model = _trained(row.pk) if row else None
    if row is None or model is None:
        raise LookupError(f"There is no classifier {name!r} that can be read.")
    policy = FieldPolicy.objects.get(field=row.field)
    said = Classifier(model.name, model.thresholds(policy.target_precision), model.rule_weight)
    classifiers = {**loaded.knowledge.classifiers, row.field: said}
    return replace(
        loaded,
        knowledge=replace(loaded.knowledge, classifiers=classifiers),
        models={**loaded.models, row.field: model},
    )


@lru_cache(maxsize=3)  # megabytes each; a row's data never changes
def _trained(pk: int) -> TrainedModel | None:
    return readable(ClassifierModel.objects.get(pk=pk))


def _stamp() -> str:
    """A text that changes with every committed edit of the small tables: ids with their row versions."""
    through: Any = RoutingRule.categories.through
    models: tuple[Any, ...] = (
        Rule,
        RoutingRule,
        through,
        PriorityCell,
        FieldPolicy,
        Category,
        Department,
        SupportGroup,
    )
    parts = " UNION ALL ".join(
        f"SELECT {number}, string_agg(id::text || ':' || xmin::text, ',' ORDER BY id) FROM {model._meta.db_table}"
        for number, model in enumerate(models)
    )
    classifiers = ClassifierModel._meta.db_table
    champions = (
        f"SELECT 99, string_agg(id::text, ',' ORDER BY id) FROM {classifiers} WHERE champion"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT md5(string_agg(s, '|' ORDER BY n)) FROM ({parts} UNION ALL {champions}) AS x(n, s)"
        )
        return str(cursor.fetchone()[0])


def _load(stamp: str, before: Loaded | None) -> Loaded:
    policies = {policy.field: policy for policy in FieldPolicy.objects.all()}
    models = _models(before, [name for name, policy in policies.items() if policy.use_model])
    classifiers = {
        name: Classifier(
            model.name, model.thresholds(policies[name].target_precision), model.rule_weight
        )
        for name, model in models.items()
    }
    cells = PriorityCell.objects.all()
    knowledge = Knowledge(
        rules=RuleBook.compile(rule_specs()),
        matrix=PriorityMatrix({(c.impact, c.urgency): c.priority for c in cells}),
        routing=RoutingTable.build(routing_specs()),
        classifiers=classifiers,
        audit_share=policies["category"].audit_share if "category" in policies else 0.0,
    )
    return Loaded(
        stamp,
        knowledge,
        models,
        {row.slug: row for row in Category.objects.all()},
        {row.name: row for row in Department.objects.all()},
        {row.name: row for row in SupportGroup.objects.all()},
    )


def _models(before: Loaded | None, fields: Sequence[str]) -> dict[str, TrainedModel]:
    """The champions of these fields. One that was loaded before is not read again: it is megabytes."""
    known = {model.name: model for model in before.models.values()} if before else {}
    found = {}
    for row in ClassifierModel.objects.filter(champion=True, field__in=fields).defer("data"):
        model = known.get(row.name) or readable(row)
        if model is not None:
            found[row.field] = model
    return found


def readable(row: ClassifierModel) -> TrainedModel | None:
    """The classifier of a row of the registry; None, and a line in the log, if its data cannot be read."""
    try:
        return loads(bytes(row.data))
    except ModelUnreadable as error:
        log.error("classifier not readable; rules decide alone", model=row.name, error=str(error))
        return None


def rule_specs() -> list[RuleSpec]:
    rules = Rule.objects.filter(enabled=True).select_related("category").order_by("position", "pk")
    return [rule_spec(rule) for rule in rules]


def rule_spec(rule: Rule) -> RuleSpec:
    return RuleSpec(
        id=rule.pk or 0,
        position=rule.position,
        name=rule.name,
        terms=terms_of(rule.terms),
        exclude=terms_of(rule.exclude),
        min_score=rule.min_score,
        sources=frozenset(rule.sources),
        tiers=frozenset(rule.tiers),
        category=rule.category.slug if rule.category else None,
        impact=rule.impact,
        urgency=rule.urgency,
        tags=tuple(rule.tags),
        final=rule.final,
    )


def routing_specs() -> list[RoutingSpec]:
    rules = RoutingRule.objects.filter(enabled=True).select_related("department", "group")
    return [
        RoutingSpec(
            id=rule.pk,
            position=rule.position,
            name=rule.name,
            categories=frozenset(category.slug for category in rule.categories.all()),
            terms=terms_of(rule.terms),
            tiers=frozenset(rule.tiers),
            sources=frozenset(rule.sources),
            max_priority=rule.max_priority,
            department=rule.department.name,
            group=rule.group.name if rule.group else None,
            is_default=rule.is_default,
        )
        for rule in rules.prefetch_related("categories").order_by("is_default", "position", "pk")
    ]
