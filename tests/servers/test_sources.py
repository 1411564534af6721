"""Each product's payloads become alerts."""

import contextlib
import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.alerts import Action, Alert, Severity
from servers.sources.raw import Ignored, server_of, time_of
from servers.sources.reading import (
    MOST_ALERTS,
    PRODUCTS,
    Read,
    Sender,
    Unreadable,
    defaults,
    read,
    wrong_templates,
)
from servers.sources.severities import LEVELS, severity_of
from tests.servers import payloads
from triage.matrix import DEFAULT

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def found(product: str, payload: Any, **templates: str) -> list[Read | Ignored]:
    sender = Sender(product, "integration:1", templates)
    return read(sender, json.dumps(payload).encode(), delivery=17, received_at=NOW)


def one(product: str, payload: Any, **templates: str) -> Alert:
    [only] = found(product, payload, **templates)
    assert isinstance(only, Read)
    return only.alert


def refusal(product: str, payload: Any, **templates: str) -> str:
    with pytest.raises(Unreadable) as caught:
        found(product, payload, **templates)
    return str(caught.value)


def test_a_group_of_alertmanager_is_one_alert() -> None:
    alert = one("alertmanager", payloads.ALERTMANAGER)

    assert alert.key == '{}/{severity="critical"}:{alertname="ProbeFailure"}'
    assert (alert.action, alert.origin) == (Action.TRIGGER, "integration:1")
    assert alert.title == "BlackBox Probe Failure: https://server.example.org"
    assert "has been down for over 5m" in alert.body
    assert (alert.impact, alert.urgency) == (1, 1)
    assert alert.server == "server.example.org"
    assert alert.labels["job"] == "http_checks"
    assert (alert.at, alert.began) == (NOW, datetime(2023, 2, 6, 13, 8, 45, 828000, UTC))


@pytest.mark.parametrize("product", ["alertmanager", "grafana"])
def test_a_group_is_as_grave_as_the_gravest_of_its_alerts_that_fires(product: str) -> None:
    def alert(severity: str, status: str = "firing") -> dict[str, Any]:
        labels = {"severity": severity, "alertname": "Slow"}
        return {"status": status, "labels": labels}

    group = {"status": "firing", "groupKey": "k", "groupLabels": {"alertname": "Slow"}}
    group |= {"commonLabels": {"alertname": "Slow"}, "receiver": "desk"}
    mixed = [alert("critical", "resolved"), alert("warning"), alert("error"), alert("")]

    assert one(product, {**group, "alerts": mixed}).urgency == LEVELS[Severity.ERROR][1]
    assert one(product, {**group, "alerts": mixed[:2]}).urgency == LEVELS[Severity.WARNING][1]
    assert one(product, {**group, "alerts": [alert("blue")]}).impact is None


def test_the_end_of_a_group_resolves_what_its_beginning_opened() -> None:
    over = one("alertmanager", payloads.ALERTMANAGER_RESOLVED)

    assert over.action is Action.RESOLVE
    assert over.key == one("alertmanager", payloads.ALERTMANAGER).key
    assert (over.at, over.began) == (NOW, None)


def test_a_group_in_which_one_alert_still_fires_goes_on() -> None:
    group = copy.deepcopy(payloads.ALERTMANAGER_RESOLVED)
    group["status"] = "firing"
    group["alerts"].append(payloads.ALERTMANAGER["alerts"][0])

    alert = one("alertmanager", group)

    assert alert.action is Action.TRIGGER
    assert "RESOLVED: BlackBox" in alert.body
    assert "FIRING: BlackBox" in alert.body


def test_a_group_of_grafana_is_one_alert() -> None:
    alert = one("grafana", payloads.GRAFANA)

    assert alert.key == "1:{}:{}"
    assert alert.title == "[FIRING:2] (blue)"
    assert 'values {"B": 44.23943737541908, "C": 1}' in alert.body
    assert (alert.impact, alert.urgency, alert.server) == (None, None, "")
    assert (alert.at, alert.began) == (NOW, datetime(2021, 10, 12, 7, 56, 3, 157076, UTC))


def test_an_event_of_pagerduty_triggers_what_its_dedup_key_names() -> None:
    alert = one("events", payloads.EVENT)

    assert (alert.key, alert.action) == ("samplekeyhere", Action.TRIGGER)
    assert alert.title == "Example alert on host1.example.com"
    assert (alert.impact, alert.urgency) == LEVELS[Severity.INFO]
    assert "component postgres\ngroup prod-datapipe" in alert.body
    assert '"load avg": 0.75' in alert.body
    assert "Link text https://example.com/" in alert.body
    assert alert.at == datetime(2015, 7, 17, 8, 42, 58, 315000, UTC)


def test_the_routing_key_of_an_event_is_a_secret_and_stays_out_of_templates() -> None:
    shown = one("events", payloads.EVENT, body="{{ payload | tojson }}")

    assert "routing_key" not in shown.body


@pytest.mark.parametrize(
    ("payload", "action"),
    [
        (payloads.EVENT_ACKNOWLEDGE, Action.ACKNOWLEDGE),
        (payloads.EVENT_RESOLVE, Action.RESOLVE),
    ],
)
def test_events_acknowledge_and_resolve(payload: Any, action: Action) -> None:
    alert = one("events", payload)

    assert (alert.key, alert.action, alert.at) == ("dedupkeyhere", action, NOW)


def test_an_event_without_a_dedup_key_is_a_problem_of_its_own() -> None:
    event = {**payloads.EVENT, "dedup_key": ""}

    assert one("events", event).key == "auto:1:17"
    assert "dedup_key" in refusal("events", {**event, "event_action": "resolve"})


def test_a_check_of_healthchecks_that_is_down_opens_and_that_is_up_closes() -> None:
    down = one("healthchecks", payloads.HEALTHCHECKS)
    up = one("healthchecks", {**payloads.HEALTHCHECKS, "status": "up"})

    assert down.key == up.key == "f618072a-7bde-4eee-af63-71a77c5723bc"
    assert (down.action, up.action) == (Action.TRIGGER, Action.RESOLVE)
    assert (down.title, down.server) == ("Nightly backup is down", "db-1")
    assert (down.impact, down.urgency) == LEVELS[Severity.ERROR]
    assert down.at == datetime(2024, 3, 1, 4, 10, tzinfo=UTC)


@pytest.mark.parametrize("status", ["up", "grace", "started", "new", "paused"])
def test_a_check_of_healthchecks_that_is_not_down_is_no_problem(status: str) -> None:
    assert one("healthchecks", {**payloads.HEALTHCHECKS, "status": status}).action is Action.RESOLVE


def test_an_issue_of_sentry_that_a_person_opens_again_is_newer_than_its_end() -> None:
    over = one("sentry", {**payloads.SENTRY_ISSUE, "action": "resolved"})
    again = one("sentry", {**payloads.SENTRY_ISSUE, "action": "unresolved"})

    assert (again.action, again.at) == (Action.TRIGGER, NOW)
    assert again.key == over.key


def test_an_issue_alert_of_sentry_and_its_issue_are_one_problem() -> None:
    alert = one("sentry", payloads.SENTRY_ISSUE_ALERT)
    issue = copy.deepcopy(payloads.SENTRY_ISSUE)
    issue["data"]["issue"]["id"] = "1117540176"
    over = one("sentry", {**issue, "action": "resolved"})

    assert alert.key == over.key == "issue:1117540176"
    assert (alert.action, over.action) == (Action.TRIGGER, Action.RESOLVE)
    assert alert.title == "ReferenceError: heck is not defined"
    assert "rule Very Important Alert Rule!" in alert.body
    assert (alert.impact, alert.urgency) == LEVELS[Severity.ERROR]


def test_a_metric_alert_of_sentry_ends_with_its_rule() -> None:
    over = one("sentry", payloads.SENTRY_METRIC_RESOLVED)
    begin = one("sentry", {**payloads.SENTRY_METRIC_RESOLVED, "action": "critical"})

    assert over.key == begin.key == "metric:7"
    assert (over.action, begin.action) == (Action.RESOLVE, Action.TRIGGER)
    assert (begin.title, begin.impact, begin.urgency) == ("Too many errors", 1, 1)
    assert begin.labels == {"project": "bar"}


@pytest.mark.parametrize(
    "hook",
    [
        {**payloads.SENTRY_ISSUE, "action": "assigned"},
        {"action": "created", "data": {"installation": {}}, "installation": {}},
    ],
)
def test_what_else_sentry_sends_is_ignored_with_the_reason(hook: Any) -> None:
    [ignored] = found("sentry", hook)

    assert isinstance(ignored, Ignored)
    assert ignored.detail


def test_generic_alerts_come_alone_or_as_a_list() -> None:
    alert = one("generic", payloads.GENERIC)
    others = found("generic", [payloads.GENERIC, {**payloads.GENERIC, "status": "ok"}])

    assert (alert.key, alert.server, alert.labels) == ("disk:web-1", "web-1", {"team": "web"})
    assert [o.alert.action for o in others if isinstance(o, Read)] == [
        Action.TRIGGER,
        Action.RESOLVE,
    ]


@pytest.mark.parametrize("word", [" resolved", "OK "])
def test_spaces_around_a_word_change_nothing(word: str) -> None:
    assert one("generic", {"summary": "x", "status": word}).action is Action.RESOLVE
    group = {**payloads.ALERTMANAGER_RESOLVED, "status": "Resolved "}
    assert one("alertmanager", group).action is Action.RESOLVE


def test_an_event_is_not_refused_for_what_is_only_shown() -> None:
    event = {**payloads.EVENT, "links": [{"text": "Runbook"}], "images": [{"alt": "Graph"}, 7]}

    assert "Runbook" in one("events", event).body


@pytest.mark.parametrize("word", ["acknowledge", "Acknowledged", "ack"])
def test_a_generic_alert_acknowledges(word: str) -> None:
    assert one("generic", {"action": word, "key": "a"}).action is Action.ACKNOWLEDGE


def test_without_a_key_the_words_and_the_server_are_the_problem() -> None:
    first = one("generic", {"summary": "Disk full", "server": "web-1"})
    again = one("generic", {"summary": "Disk full", "server": "web-1", "details": "still"})
    other = one("generic", {"summary": "Disk full", "server": "web-2"})

    assert first.key.startswith("auto:1:")
    assert first.key == again.key != other.key


def test_a_key_that_is_too_long_is_replaced_by_its_hash() -> None:
    key = one("generic", {"summary": "x", "dedup_key": "k" * 400}).key

    assert key.startswith("long:1:")
    assert len(key) <= 300


@pytest.mark.parametrize("product", sorted(payloads.OPENING))
def test_the_first_payload_of_each_product_has_words_and_a_key(product: str) -> None:
    for payload in payloads.OPENING[product]:
        alert = one(product, payload)
        assert alert.title
        assert alert.key
        assert alert.body
        assert alert.action is Action.TRIGGER


def test_a_senders_clock_that_is_ahead_counts_as_the_time_of_arrival() -> None:
    late = {**payloads.GENERIC, "at": (NOW + timedelta(hours=1)).isoformat()}

    assert one("generic", late).at == NOW


def test_own_templates_replace_those_of_the_source_one_by_one() -> None:
    alert = one(
        "alertmanager",
        payloads.ALERTMANAGER,
        group_key="{{ labels.job }}",
        title="{{ labels.alertname }} by {{ payload.receiver }}",
        severity="warning",
        resolve_condition="{{ payload.alerts | length == 0 }}",
    )

    assert (alert.key, alert.title) == ("http_checks", "ProbeFailure by sms")
    assert (alert.impact, alert.urgency, alert.action) == (2, 2, Action.TRIGGER)
    assert "has been down" in alert.body


def test_a_template_that_fails_is_named_with_its_line() -> None:
    why = refusal("generic", payloads.GENERIC, body="first\n{{ payload.nothing.here }}")

    assert why.startswith("body: Line 2: ")
    assert "nothing" in why


def test_a_condition_that_is_neither_true_nor_false_is_refused() -> None:
    why = refusal("generic", payloads.GENERIC, resolve_condition="{{ payload.status }}")

    assert "resolve_condition" in why
    assert "True or False" in why


def test_an_empty_title_is_refused() -> None:
    assert refusal("generic", payloads.GENERIC, title=" ") == "title: it is empty."


def test_a_long_text_is_cut_and_not_refused() -> None:
    alert = one("generic", {"summary": "s" * 300, "details": "ü" * 70_000})

    assert len(alert.title) == 255
    assert len(alert.body.encode()) <= 64 * 1024


@pytest.mark.parametrize(
    ("product", "payload", "named"),
    [
        (
            "alertmanager",
            {"status": "burning", "alerts": []},
            "status: use one of firing, resolved",
        ),
        ("alertmanager", {"status": "firing"}, "alerts: a list is needed, not nothing"),
        ("grafana", {"status": "firing", "alerts": [1]}, "alerts[0]: an object is needed"),
        ("events", {"event_action": "sing"}, "event_action: use one of trigger"),
        ("events", {"event_action": "trigger", "payload": {}}, "payload.summary"),
        ("events", {**payloads.EVENT, "dedup_key": "k" * 256}, "dedup_key"),
        ("healthchecks", {"status": "down"}, "code"),
        ("sentry", {"action": "created"}, "data: an object is needed"),
        ("generic", {"summary": "x", "status": "purple"}, "status"),
        ("generic", 7, "body: an object is needed, not a number"),
        ("generic", [{"summary": "x"}] * (MOST_ALERTS + 1), "at most 500 alerts"),
    ],
)
def test_a_body_of_another_shape_is_refused_with_the_field(
    product: str, payload: Any, named: str
) -> None:
    assert named in refusal(product, payload)


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable, match="body: "):
        read(Sender("generic", "integration:1", {}), body, delivery=1, received_at=NOW)


def test_nul_characters_which_no_table_keeps_are_left_out() -> None:
    alert = one("generic", {"summary": "a\0b", "labels": {"x\0": "y\0"}, "key": "k\0"})

    assert (alert.title, alert.key, alert.labels) == ("ab", "k", {"x": "y"})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
_NAMES = (
    *("status", "alerts", "labels", "data", "event", "issue", "metric_alert", "payload", "tags"),
    *(
        "event_action",
        "code",
        "at",
        "summary",
        "commonLabels",
        "annotations",
        "action",
        "alert_rule",
    ),
    *("project", "projects", "groupKey", "startsAt", "links", "images"),
)
_LIKELY = st.dictionaries(
    st.sampled_from(_NAMES), _JSON | st.sampled_from(["firing", "down", "trigger"]), max_size=8
)


@given(product=st.sampled_from(sorted(PRODUCTS)), payload=_LIKELY | _JSON)
def test_whatever_comes_is_read_or_refused_in_words(product: str, payload: Any) -> None:
    with contextlib.suppress(Unreadable):
        found(product, payload)


@pytest.mark.parametrize(
    ("product", "payload"),
    [
        ("events", {**payloads.EVENT_RESOLVE, "payload": "all is well"}),
        ("sentry", {"action": "triggered", "data": {"event": {"tags": 5}}}),
        ("sentry", {"action": "critical", "data": {"metric_alert": {"projects": {"a": "b"}}}}),
    ],
)
def test_a_field_of_another_kind_than_the_product_sends_is_no_defect_of_ours(
    product: str, payload: Any
) -> None:
    with pytest.raises(Unreadable):
        found(product, payload)


_WHOLE = [
    *((product, payload) for product, some in payloads.OPENING.items() for payload in some),
    *(("events", payload) for payload in (payloads.EVENT_ACKNOWLEDGE, payloads.EVENT_RESOLVE)),
    *(
        ("alertmanager", payloads.ALERTMANAGER_RESOLVED),
        ("sentry", payloads.SENTRY_METRIC_RESOLVED),
    ),
]


def _places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside `value`."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    return [place for key in keys for place in [(*way, key), *_places(value[key], (*way, key))]]


@given(st.data())
def test_real_bodies_with_anything_somewhere_in_them_are_read_or_refused_in_words(
    data: st.DataObject,
) -> None:
    product, whole = data.draw(st.sampled_from(_WHOLE))
    payload = copy.deepcopy(whole)
    *way, last = data.draw(st.sampled_from(_places(payload)))
    inner: Any = payload
    for key in way:
        inner = inner[key]
    inner[last] = data.draw(_JSON)
    # Of an event that ends something nothing is shown, but what it brings along may be anything.
    if isinstance(payload, dict):
        payload |= data.draw(st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=1))

    with contextlib.suppress(Unreadable):
        found(product, payload)


def test_each_severity_is_a_priority_of_the_usual_matrix() -> None:
    assert [DEFAULT[LEVELS[severity]] for severity in Severity] == [1, 2, 3, 4]
    assert severity_of(" Critical ") is Severity.CRITICAL
    assert severity_of("blue") is None


def test_the_default_templates_are_right() -> None:
    assert {product: wrong_templates(defaults(product)) for product in PRODUCTS} == dict.fromkeys(
        PRODUCTS, {}
    )


@pytest.mark.parametrize(
    ("label", "host"),
    [
        ("web-1:9100", "web-1"),
        ("https://user@web-1.example.org:80/x", "web-1.example.org"),
        ("[::1]:9100", "::1"),
        ("", ""),
    ],
)
def test_the_server_is_the_host_without_scheme_and_port(label: str, host: str) -> None:
    assert server_of({"instance": label}) == host


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00Z", "soon", None, True, 1e300, [], {}])
def test_what_is_no_time_says_none(value: Any) -> None:
    assert time_of(value) is None
