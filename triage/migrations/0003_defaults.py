"""A new desk starts with departments, groups, categories, rules, routes and a matrix. All can be edited."""

from django.db import migrations

from triage import defaults, matrix


def install(apps, schema_editor):
    department = apps.get_model("tickets", "Department")
    group = apps.get_model("tickets", "SupportGroup")
    category = apps.get_model("tickets", "Category")
    rule = apps.get_model("triage", "Rule")
    routing = apps.get_model("triage", "RoutingRule")
    cell = apps.get_model("triage", "PriorityCell")
    departments = {
        name: department.objects.create(
            name=name, description=text, restricted=name in defaults.RESTRICTED
        )
        for name, text in defaults.DEPARTMENTS.items()
    }
    groups = {
        name: group.objects.create(name=name, department=departments[owner])
        for name, owner in defaults.GROUPS.items()
    }
    for position, severity in enumerate(defaults.SEVERITY_RULES, start=1):
        rule.objects.create(
            position=position,
            name=severity.name,
            terms=defaults.terms(severity.words),
            exclude=defaults.terms(severity.exclude),
            min_score=severity.min_score,
            impact=severity.impact,
            urgency=severity.urgency,
            tags=list(severity.tags),
        )
    routes = {}
    for position, topic in enumerate(defaults.TOPICS, start=1):
        row = category.objects.create(
            slug=topic.slug,
            name=topic.name,
            description=topic.description,
            aliases=list(topic.aliases),
        )
        rule.objects.create(
            position=100 + position,
            name=topic.name,
            terms=defaults.terms(topic.words),
            exclude=defaults.terms(topic.exclude),
            category=row,
        )
        if topic.slug != "general":
            routes.setdefault((topic.department, topic.group), []).append(row)
    for position, ((owner, name), rows) in enumerate(routes.items(), start=1):
        route = routing.objects.create(
            position=10 * position,
            name=f"To {name}",
            department=departments[owner],
            group=groups[name],
        )
        route.categories.set(rows)
    routing.objects.create(
        position=32767,
        name="Everything else",
        is_default=True,
        department=departments["General"],
        group=groups["General Support"],
    )
    for (impact, urgency), priority in matrix.DEFAULT.items():
        cell.objects.create(impact=impact, urgency=urgency, priority=priority)


class Migration(migrations.Migration):
    dependencies = [("triage", "0002_append_only")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
