"""Payloads as the products send them. Each names where its text comes from; what was changed is said."""

import copy
import json
from typing import Any


def _parsed(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


#: Sample of version 4 in the crate alertmanager-webhook-types 0.1.0 (assets/sample-v4-payload.json).
ALERTMANAGER = _parsed(r"""
{"receiver": "sms", "status": "firing",
 "alerts": [{"status": "firing",
   "labels": {"alertname": "ProbeFailure", "instance": "https://server.example.org", "job": "http_checks",
              "monitor": "master", "severity": "critical"},
   "annotations": {
     "description": "Instance https://server.example.org has been down for over 5m. Job: http_checks",
     "summary": "BlackBox Probe Failure: https://server.example.org"},
   "startsAt": "2023-02-06T13:08:45.828Z", "endsAt": "0001-01-01T00:00:00Z",
   "generatorURL": "http://prometheus.example.org:9090/graph?g0.expr=probe_success+%3D%3D+0\u0026g0.tab=1",
   "fingerprint": "1a30ba71cca2921f"}],
 "groupLabels": {"alertname": "ProbeFailure"},
 "commonLabels": {"alertname": "ProbeFailure", "instance": "https://server.example.org", "job": "http_checks",
                  "monitor": "master", "severity": "critical"},
 "commonAnnotations": {
   "description": "Instance https://server.example.org has been down for over 5m. Job: http_checks",
   "summary": "BlackBox Probe Failure: https://server.example.org"},
 "externalURL": "http://prometheus.example.org:9093", "version": "4",
 "groupKey": "{}/{severity=\"critical\"}:{alertname=\"ProbeFailure\"}", "truncatedAlerts": 0}
""")

#: The same group when it is over: status and end, as Alertmanager writes them.
ALERTMANAGER_RESOLVED = copy.deepcopy(ALERTMANAGER)
ALERTMANAGER_RESOLVED["status"] = "resolved"
ALERTMANAGER_RESOLVED["alerts"][0] |= {"status": "resolved", "endsAt": "2023-02-06T13:21:45.828Z"}

#: Grafana's documentation, "Configure the webhook notifier for Alerting" (webhook-notifier.md); `message` cut.
GRAFANA = _parsed(r"""
{"receiver": "My Super Webhook", "status": "firing", "orgId": 1,
 "alerts": [
  {"status": "firing", "labels": {"alertname": "High memory usage", "team": "blue", "zone": "us-1"},
   "annotations": {"description": "The system has high memory usage",
     "runbook_url": "https://myrunbook.com/runbook/1234", "summary": "This alert was triggered for zone us-1"},
   "startsAt": "2021-10-12T09:51:03.157076+02:00", "endsAt": "0001-01-01T00:00:00Z",
   "generatorURL": "https://play.grafana.org/alerting/1afz29v7z/edit", "fingerprint": "c6eadffa33fcdf37",
   "silenceURL": "https://play.grafana.org/alerting/silence/new?alertmanager=grafana",
   "dashboardURL": "", "panelURL": "", "values": {"B": 44.23943737541908, "C": 1}},
  {"status": "firing", "labels": {"alertname": "High CPU usage", "team": "blue", "zone": "eu-1"},
   "annotations": {"description": "The system has high CPU usage",
     "runbook_url": "https://myrunbook.com/runbook/1234", "summary": "This alert was triggered for zone eu-1"},
   "startsAt": "2021-10-12T09:56:03.157076+02:00", "endsAt": "0001-01-01T00:00:00Z",
   "generatorURL": "https://play.grafana.org/alerting/d1rdpdv7k/edit", "fingerprint": "bc97ff14869b13e3",
   "silenceURL": "https://play.grafana.org/alerting/silence/new?alertmanager=grafana",
   "dashboardURL": "", "panelURL": "", "values": {"B": 44.23943737541908, "C": 1}}],
 "groupLabels": {}, "commonLabels": {"team": "blue"}, "commonAnnotations": {},
 "externalURL": "https://play.grafana.org/", "version": "1", "groupKey": "{}:{}", "truncatedAlerts": 0,
 "title": "[FIRING:2]  (blue)", "state": "alerting", "message": "**Firing**"}
""")

#: PagerDuty's developer documentation, "Send an Alert Event".
EVENT = _parsed(r"""
{"payload": {"summary": "Example alert on host1.example.com", "timestamp": "2015-07-17T08:42:58.315+0000",
   "source": "monitoringtool:cloudvendor:central-region-dc-01:852559987:cluster/api-stats-prod-003",
   "severity": "info", "component": "postgres", "group": "prod-datapipe", "class": "deploy",
   "custom_details": {"ping time": "1500ms", "load avg": 0.75}},
 "routing_key": "samplekeyhere", "dedup_key": "samplekeyhere",
 "images": [{"src": "https://www.pagerduty.com/wp-content/uploads/2016/05/pagerduty-logo-green.png",
             "href": "https://example.com/", "alt": "Example text"}],
 "links": [{"href": "https://example.com/", "text": "Link text"}],
 "event_action": "trigger", "client": "Sample Monitoring Service",
 "client_url": "https://monitoring.example.com"}
""")
EVENT_ACKNOWLEDGE = {
    "routing_key": "routingkeyhere", "dedup_key": "dedupkeyhere", "event_action": "acknowledge",
}  # fmt: skip
EVENT_RESOLVE = {**EVENT_ACKNOWLEDGE, "event_action": "resolve"}

#: The body of docs/alerts.md as healthchecks fills it (hc/integrations/webhook/transport.py: $CODE, $NAME_JSON,
#: $STATUS, $TAGS, $NOW).
HEALTHCHECKS = _parsed(r"""
{"code": "f618072a-7bde-4eee-af63-71a77c5723bc", "name": "Nightly backup", "status": "down",
 "tags": "prod host=db-1", "at": "2024-03-01T04:10:00+00:00"}
""")

#: Sentry's documentation, integration platform, webhooks: issue alerts. Frames, SDK and request left out.
SENTRY_ISSUE_ALERT = _parsed(r"""
{"action": "triggered", "actor": {"id": "sentry", "name": "Sentry", "type": "application"},
 "data": {"event": {"_ref": 1, "_ref_version": 2,
   "contexts": {"browser": {"name": "Chrome", "type": "browser", "version": "75.0.3770"}},
   "culprit": "?(<anonymous>)", "datetime": "2019-08-19T21:06:17.677000Z", "dist": null,
   "event_id": "e4874d664c3540c1a32eab185f12c5ab", "fingerprint": ["{{ default }}"],
   "issue_url": "https://sentry.io/api/0/issues/1117540176/", "issue_id": "1117540176",
   "level": "error", "location": "<anonymous>", "logger": "", "message": "",
   "metadata": {"filename": "<anonymous>", "type": "ReferenceError", "value": "heck is not defined"},
   "platform": "javascript", "project": 1, "received": 1566248777.677, "release": null,
   "tags": [["browser", "Chrome 75.0.3770"], ["level", "error"], ["user", "ip:162.217.75.90"],
            ["url", "https://null.jsbin.com/runner"]],
   "timestamp": 1566248777.677, "title": "ReferenceError: heck is not defined", "type": "error",
   "user": {"ip_address": "162.218.85.90"}, "version": "7",
   "web_url": "https://sentry.io/organizations/test-org/issues/1117540176/events/e4874d664c3540c1a32eab185f12c5ab/"},
  "triggered_rule": "Very Important Alert Rule!",
  "issue_alert": {"title": "Very Important Alert Rule!", "settings": [{"name": "channel", "value": "#general"}]}},
 "installation": {"uuid": "a8e5d37a-696c-4c54-adb5-b3f28d64c7de"}}
""")

#: The same documentation: metric alerts.
SENTRY_METRIC_RESOLVED = _parsed(r"""
{"action": "resolved", "actor": {"id": "sentry", "name": "Sentry", "type": "application"},
 "data": {"description_text": "1000 events in the last 10 minutes\\nFilter: level:error",
  "description_title": "Resolved: Too many errors",
  "metric_alert": {
   "alert_rule": {"aggregate": "count()", "created_by": null, "dataset": "events",
     "date_created": "2020-09-13T12:26:40.000000Z", "date_modified": "2020-09-13T12:26:40.000000Z",
     "environment": null, "id": "7", "include_all_projects": false, "name": "Too many errors",
     "organization_id": "5", "projects": ["bar"], "query": "level:error", "resolution": 1,
     "resolve_threshold": null, "status": 0, "threshold_period": 1, "threshold_type": 0, "time_window": 10,
     "triggers": []},
   "date_closed": null, "date_created": "2020-09-13T12:26:40.000000Z",
   "date_detected": "2020-09-13T12:26:40.000000Z", "date_started": "2020-09-13T12:26:40.000000Z",
   "id": "4", "identifier": "1", "organization_id": "5", "projects": ["bar"], "status": 2, "status_method": 3,
   "title": "Sacred Marmot", "type": 2},
  "web_url": "https://sentry.io/organizations/baz/alerts/1/"},
 "installation": {"uuid": "a8e5d37a-696c-4c54-adb5-b3f28d64c7de"}}
""")

#: The same documentation: issues.
SENTRY_ISSUE = _parsed(r"""
{"action": "created", "actor": {"id": "sentry", "name": "Sentry", "type": "application"},
 "data": {"issue": {"annotations": [], "assignedTo": null, "count": "1", "culprit": "?(runner)",
   "firstSeen": "2019-08-19T20:58:37.391000Z", "hasSeen": false, "id": "1170820242", "isBookmarked": false,
   "isPublic": false, "isSubscribed": false, "lastSeen": "2019-08-19T20:58:37.391000Z", "level": "error",
   "logger": null,
   "metadata": {"filename": "/runner", "type": "ReferenceError", "value": "blooopy is not defined"},
   "numComments": 0, "permalink": null, "platform": "javascript",
   "project": {"id": "1", "name": "front-end", "platform": "", "slug": "front-end"},
   "shareId": null, "shortId": "FRONT-END-9", "status": "unresolved", "statusDetails": {},
   "subscriptionDetails": null, "substatus": "escalating", "title": "ReferenceError: blooopy is not defined",
   "type": "error", "userCount": 1}},
 "installation": {"uuid": "a8e5d37a-696c-4c54-adb5-b3f28d64c7de"}}
""")

GENERIC = {
    "summary": "Disk of web-1 is 95 % full",
    "details": "/var/log grew by 20 GB in an hour.",
    "severity": "warning",
    "status": "firing",
    "dedup_key": "disk:web-1",
    "server": "web-1",
    "labels": {"team": "web"},
}

#: Source -> payloads of it that open something.
OPENING = {
    "alertmanager": [ALERTMANAGER],
    "grafana": [GRAFANA],
    "events": [EVENT],
    "healthchecks": [HEALTHCHECKS],
    "sentry": [SENTRY_ISSUE_ALERT, SENTRY_ISSUE],
    "generic": [GENERIC, [GENERIC]],
}
