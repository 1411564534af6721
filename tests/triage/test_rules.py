from hypothesis import given
from hypothesis import strategies as st

from triage.rules import RuleBook, RuleSpec, TicketText, category_of, impact_of, urgency_of
from triage.signals import Signals, read_signals
from triage.terms import Term


def spec(
    number: int, category: str | None = None, *terms: str, weight: float = 2.0, **more: object
) -> RuleSpec:
    return RuleSpec(
        number,
        number,
        f"rule {number}",
        tuple(Term(t, weight) for t in terms),
        category=category,
        **more,
    )  # type: ignore[arg-type]


def vote(text: str, *rules: RuleSpec, title: str = "") -> object:
    return category_of(RuleBook.compile(rules).match(TicketText(title, text)))


def test_the_category_with_the_most_weight_wins() -> None:
    result = vote(
        "vpn and router and invoice",
        spec(1, "network", "vpn", "router"),
        spec(2, "billing", "invoice"),
    )

    assert (result.category, result.terms) == ("network", ("vpn", "router"))


def test_a_word_in_the_title_counts_double() -> None:
    rules = (spec(1, "network", "vpn"), spec(2, "billing", "invoice"))

    assert vote("vpn", *rules, title="invoice").category == "billing"


def test_a_tie_goes_to_the_earlier_rule() -> None:
    assert vote("b a", spec(2, "second", "b"), spec(1, "first", "a")).category == "first"


def test_a_final_rule_beats_any_weight() -> None:
    result = vote(
        "vpn lunch", spec(1, "network", "vpn", weight=50), spec(2, "general", "lunch", final=True)
    )

    assert (result.category, result.confidence, result.final) == ("general", 1.0, True)


def test_an_excluded_word_cancels_the_rule() -> None:
    assert vote("vpn joke", spec(1, "network", "vpn", exclude=(Term("joke"),))).category is None


def test_a_rule_needs_its_minimum_score() -> None:
    assert vote("vpn", spec(1, "network", "vpn", weight=0.5)).category is None


def test_confidence_grows_with_evidence_and_falls_with_doubt() -> None:
    weak = vote("vpn", spec(1, "network", "vpn", weight=1))
    strong = vote("vpn router", spec(1, "network", "vpn", "router"))
    doubtful = vote(
        "vpn router invoice", spec(1, "network", "vpn", "router"), spec(2, "billing", "invoice")
    )

    assert 0.55 == weak.confidence < doubtful.confidence < strong.confidence <= 0.85


def test_conditions_on_source_and_tier_must_hold() -> None:
    book = RuleBook.compile(
        [spec(1, "network", "vpn", sources=frozenset({"mail"}), tiers=frozenset({"gold"}))]
    )

    assert book.match(TicketText("", "vpn", "mail", "gold"))
    assert not book.match(TicketText("", "vpn", "api", "gold"))
    assert not book.match(TicketText("", "vpn", "mail", "bronze"))


def test_the_severest_of_rules_and_signals_decides() -> None:
    hits = RuleBook.compile([spec(1, None, "leak", impact=2)]).match(TicketText("", "leak"))

    assert impact_of(hits, Signals(impact=1, impact_reason="all users"))[0] == 1
    assert impact_of(hits, Signals())[0] == 2
    assert impact_of((), Signals())[0] is None


def test_calming_words_outweigh_rules() -> None:
    hits = RuleBook.compile([spec(1, None, "leak", urgency=1)]).match(TicketText("", "leak"))

    assert urgency_of(hits, read_signals("leak", "no rush at all"))[0] == 3


def test_words_that_name_a_single_person_outweigh_rules_about_impact() -> None:
    hits = RuleBook.compile([spec(1, None, "server", impact=2)]).match(TicketText("", "server"))

    assert impact_of(hits, read_signals("server", "only me"))[0] == 3


def test_the_reason_of_a_rule_quotes_its_words() -> None:
    hits = RuleBook.compile([spec(1, None, "leak*", impact=2)]).match(TicketText("", "leaking"))

    assert impact_of(hits, Signals())[1] == "Rule “rule 1” found “leak*”."


@given(
    st.text(), st.text(), st.lists(st.tuples(st.text(max_size=8), st.floats(0.1, 9)), max_size=6)
)
def test_no_text_raises_and_confidence_stays_within_bounds(
    title: str, text: str, terms: list[tuple[str, float]]
) -> None:
    rule = RuleSpec(1, 1, "any", tuple(Term(*term) for term in terms), category="network")

    found = category_of(RuleBook.compile([rule]).match(TicketText(title, text)))

    assert 0.30 <= found.confidence <= 0.85
