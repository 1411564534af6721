"""Rules about impact, urgency and tags only; the signals that a text itself sends are in `triage.signals`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class SeverityRule:
    """A rule that says nothing about the category."""

    name: str
    words: Mapping[float, str]
    exclude: Mapping[float, str] = field(default_factory=dict)
    impact: int | None = None
    urgency: int | None = None
    tags: tuple[str, ...] = ()
    min_score: float = 1.0


SEVERITY_RULES: Final = (
    SeverityRule(
        name="Everything is down",
        words={
            1: "all servers, servers unreachable, total outage, major outage, complete outage, "
            "site is down, everything is down, production down, production is down, "
            "full outage, site wide outage"
        },
        exclude={1: "not a total outage, no major outage, drill, post mortem, postmortem"},
        impact=1,
        urgency=1,
        tags=("outage",),
    ),
    SeverityRule(
        name="Data is at stake",
        words={
            1: "data loss, data breach, ransomware, data leak, corrupted data, data corruption, "
            "lost data"
        },
        exclude={
            1: "no data loss, without data loss, no data breach, no lost data, not ransomware, "
            "drill"
        },
        impact=1,
        tags=("data-at-stake",),
    ),
    SeverityRule(
        name="Danger to people",
        words={
            1: "gas leak, smell of gas, fire alarm, electric shock, injured, evacuat*, "
            "carbon monoxide"
        },
        exclude={
            1: "fire drill, alarm test, nobody injured, nobody was injured, no one was injured, "
            "no gas leak"
        },
        impact=2,
        tags=("safety",),
    ),
    SeverityRule(
        name="Security incident",
        words={
            1: "phishing, malware, hacked, compromised, stolen laptop, ddos, ransomware, "
            "brute force"
        },
        impact=2,
        tags=("security-incident",),
    ),
    SeverityRule(
        name="A system that many share",
        words={
            2: "server, cluster, node, pod, load balancer, hypervisor, switch port, router, "
            "firewall, vlan, dns, dhcp, access point, uplink, database, replica, tablespace, "
            "webhook, environment variable, feature flag, production, webshop, api, sso, "
            "saml, ldap, tunnel, bgp, alertmanager, deployment, pipeline, namespace, "
            "meeting room, conference room, elevator, shared mailbox, distribution list, "
            "till, terminal server, feature request, would be nice, roadmap, payment gateway, "
            "nas, san, backup job, vpn gateway",
            1: "host, vm, queue, config, configuration, threshold, tenant, prod, instance, "
            "workflow, portal, website, shop, notification, alert, floor, line, building, "
            "internet, wifi, export, report, endpoint, release, admin panel, default, "
            "parameter, setting, cron, would be, could you add, customer",
        },
        min_score=2.0,
        impact=2,
    ),
    SeverityRule(
        name="Cannot get in",
        words={
            1: "locked out, account locked, account is locked, account disabled, cannot log in, "
            "can't log in, cannot login, can't login, cannot sign in, can't sign in, "
            "password expired, login failed, authentication failed, no boot device"
        },
        urgency=1,
    ),
)
