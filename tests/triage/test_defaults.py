"""What a new desk does with a ticket before any classifier has learned: the installed rules and routes alone."""

import pytest

from triage import defaults, knowledge
from triage.decide import Decision, Knowledge, decide
from triage.evidence import Evidence, Given, examine
from triage.matrix import DEFAULT, PriorityMatrix
from triage.routing import RoutingTable
from triage.rules import RuleBook
from triage.terms import words_of

pytestmark = pytest.mark.django_db


def decided(title: str, description: str = "") -> Decision:
    known = Knowledge(
        rules=RuleBook.compile(knowledge.rule_specs()),
        matrix=PriorityMatrix(DEFAULT),
        routing=RoutingTable.build(knowledge.routing_specs()),
    )
    given = Given(title, description, "api", "standard")
    [evidence] = examine([given], known.rules, {})
    assert isinstance(evidence, Evidence)
    return decide(given, evidence, known)


def test_an_address_is_not_a_feature_request() -> None:
    assert decided("Update my address").category != "feature_request"


def test_a_download_is_not_an_outage() -> None:
    decision = decided("Please download the manual")

    assert decision.category != "infrastructure"
    assert decision.priority == 4


def test_a_tissue_box_is_not_an_issue() -> None:
    decision = decided("A tissue box for the lobby")

    assert decision.category not in ("bug", "technical_support")
    assert decision.priority == 4


def test_all_servers_unreachable_is_infrastructure_and_pressing() -> None:
    decision = decided("Server down", "All servers unreachable")

    assert (decision.category, decision.group) == ("infrastructure", "Infrastructure")
    assert decision.priority in (1, 2)


def test_a_keyboard_is_hardware_and_no_key_of_the_building() -> None:
    decision = decided("Keyboard sticky")

    assert (decision.category, decision.department) == ("hardware", "IT Support")


def test_a_taxi_receipt_goes_to_finance() -> None:
    assert decided("Taxi receipt").department == "Finance"


def test_a_broken_office_chair_goes_to_facilities() -> None:
    assert decided("Broken office chair").department == "Facilities"


def test_an_email_account_that_asks_for_a_password_goes_to_it_support() -> None:
    decision = decided(
        "Cannot access email",
        "I am unable to log into my email account. Getting password error.",
    )

    assert decision.department == "IT Support"


def test_a_password_prompt_of_outlook_goes_to_the_people_who_know_outlook() -> None:
    assert decided("Outlook password prompt").group == "Messaging"


def test_a_vpn_login_goes_to_the_network_people_because_vpn_tells_more_than_login() -> None:
    assert decided("Cannot login to VPN").group == "Network"


def test_a_checkout_that_returns_500_is_a_bug_or_a_payment_problem() -> None:
    decision = decided("Checkout returns 500", "Since the release customers cannot pay by card.")

    assert decision.category in ("bug", "payment")
    assert decision.priority <= 2


def test_no_data_loss_is_not_data_loss() -> None:
    decision = decided("Backup finished", "There was no data loss.")

    assert "data-at-stake" not in decision.tags
    assert decision.priority == 4


def test_nothing_known_waits_in_general_for_a_person() -> None:
    decision = decided("Zzz", "qwerty")

    assert (decision.category, decision.department, decision.band) == (
        "general",
        "General",
        "review",
    )


@pytest.mark.parametrize(
    ("text", "category", "department"),
    [
        ("Kubernetes node not ready, pods evicted", "infrastructure", "IT Support"),
        ("High CPU load on the application server", "infrastructure", "IT Support"),
        ("Wi-Fi keeps dropping on the second floor", "network", "IT Support"),
        ("DNS lookups time out behind the firewall", "network", "IT Support"),
        ("Forgot my password, please reset", "authentication", "IT Support"),
        ("MFA code never arrives, locked out", "authentication", "IT Support"),
        ("Please grant me read access to the sales folder", "access_request", "IT Support"),
        ("Laptop battery dies after ten minutes", "hardware", "IT Support"),
        ("Paper jam in the printer again", "hardware", "IT Support"),
        ("Please install AutoCAD on my PC", "software", "IT Support"),
        ("Excel crashes after the last update", "software", "IT Support"),
        ("Mails to customers bounce with an NDR", "email", "IT Support"),
        ("Replication lag on the Postgres replica", "database", "IT Support"),
        ("Deadlock in the orders table", "database", "IT Support"),
        ("Restore a deleted folder from backup", "storage", "IT Support"),
        ("Network drive quota exceeded", "storage", "IT Support"),
        ("I clicked a link in a phishing mail", "security", "IT Support"),
        ("NullPointerException in the order API since the release", "bug", "IT Support"),
        ("Button overlaps the footer in Safari", "frontend", "IT Support"),
        ("Wrong environment variable in staging", "configuration", "IT Support"),
        ("Webhook notifications are sent twice", "notification", "IT Support"),
        ("It would be great to have bulk edit, feature request", "feature_request", "IT Support"),
        ("How do I export my contacts?", "technical_support", "IT Support"),
        ("Question about my payslip and annual leave", "hr", "HR"),
        ("New starter on Monday, onboarding checklist", "onboarding", "HR"),
        ("Air conditioning broken in the meeting room", "facilities", "Facilities"),
        ("Parking space for a visitor", "facilities", "Facilities"),
        ("Invoice shows the wrong VAT, need a credit note", "billing", "Finance"),
        ("Card declined at checkout, customer wants a refund", "payment", "Finance"),
        ("Purchase order for ten chairs, quote attached", "procurement", "Finance"),
        ("Please open a project code with two milestones", "project", "Finance"),
        ("Lost and found: an umbrella in the canteen", "general", "General"),
    ],
)
def test_plain_words_lead_to_their_category(text: str, category: str, department: str) -> None:
    decision = decided("", text)

    assert decision.category == category
    assert decision.department == department


def test_every_group_belongs_to_a_department_and_every_topic_to_its_group() -> None:
    assert set(defaults.GROUPS.values()) == set(defaults.DEPARTMENTS)
    assert all(defaults.GROUPS[topic.group] == topic.department for topic in defaults.TOPICS)


def test_slugs_and_aliases_are_unique() -> None:
    names = [name for topic in defaults.TOPICS for name in (topic.slug, *topic.aliases)]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "rule",
    [*defaults.TOPICS, *defaults.SEVERITY_RULES],
    ids=lambda rule: rule.name.lower().replace(" ", "_"),
)
def test_no_rule_names_a_term_twice_or_without_a_word(
    rule: defaults.Topic | defaults.SeverityRule,
) -> None:
    texts = [str(row["text"]) for row in defaults.terms(rule.words)]
    cut = [(tuple(words_of(text)), text.endswith("*")) for text in texts]

    assert len(cut) == len(set(cut))
    assert all(words for words, _ in cut)
