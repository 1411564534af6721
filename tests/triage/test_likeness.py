import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from triage import likeness
from triage.likeness import Frequencies

NOTHING = Frequencies.count([])
CROWD = [
    ("The mail server is down", "Nobody gets mail since this morning."),
    ("Mail does not arrive", "Since this morning nobody gets any mail, the server seems down."),
    ("New laptop for Ana", "Ana starts on Monday and needs a laptop."),
    ("The door of room 12 is stuck", "It does not open since this morning."),
]


def entries(title: str, description: str = "") -> likeness.Entries:
    return likeness.entries_of(likeness.weigh(title, description))


def scores(one: int, texts: list[tuple[str, str]] = CROWD) -> list[float]:
    """How alike the text at `one` is to each."""
    whole = [entries(*text) for text in texts]
    frequencies = Frequencies.count(whole)
    kept = [likeness.heaviest(text, frequencies.rarity) for text in whole]
    typical = likeness.typical_length(kept, frequencies.rarity)
    sizes = [len(text) for text in kept]
    found = likeness.compare(kept[one], np.concatenate(kept), sizes, frequencies.rarity, typical)
    return [float(score) for score in found]


def test_two_texts_about_one_matter_are_more_alike_than_others() -> None:
    _, same, laptop, door = scores(0)

    assert same > 2 * max(laptop, door)


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=200)), min_size=1, max_size=6))
def test_any_texts_can_be_compared_and_no_score_leaves_its_range(
    texts: list[tuple[str, str]],
) -> None:
    assert all(0 <= score <= 1 for score in scores(0, texts))


@given(st.text(max_size=300), st.text(max_size=300))
def test_two_tickets_are_as_alike_the_other_way_round_but_for_their_lengths(a: str, b: str) -> None:
    there, back = scores(0, [(a, ""), (b, "")])[1], scores(1, [(a, ""), (b, "")])[0]

    assert (there > 0) == (back > 0)


def test_two_short_identical_texts_are_weaker_evidence_than_long_ones() -> None:
    long = " ".join(f"word{n}" for n in range(40))
    texts = [("printer broken", ""), ("printer broken", ""), (long, ""), (long, "")]

    assert scores(0, texts)[1] < scores(2, texts)[3]


def test_compound_names_are_also_their_parts() -> None:
    assert likeness.words("NullPointerException in getUserName") == [
        *("null", "pointer", "exception", "nullpointerexception"),
        *("in", "get", "user", "name", "getusername"),
    ]


def test_texts_without_spaces_between_words_are_cut_into_pairs() -> None:
    assert likeness.words("メール障害") == ["メー", "ール", "ル障", "障害"]


def test_the_beginning_of_a_description_says_most_and_the_title_more() -> None:
    said = likeness.weigh("printer", "vpn " + "filler " * 200 + "mailbox")

    assert said["printer"] > said["vpn"] > said["mailbox"]


def test_what_is_kept_is_bounded_and_survives_packing() -> None:
    kept = likeness.heaviest(entries("", " ".join(f"w{n}" for n in range(300))), NOTHING.rarity)

    assert len(kept) == likeness.KEPT
    assert (likeness.unpack(kept.tobytes()) == kept).all()


def test_a_rare_word_is_looked_for_alone_and_common_ones_in_pairs() -> None:
    common = [entries("mail server down today again")] * 1000
    frequencies = Frequencies.count([*common, entries("zanzibar")])
    own = likeness.heaviest(entries("zanzibar mail server"), frequencies.rarity)

    searched = frequencies.search(own, rows=1_000_000, most=100_000_000)
    assert [likeness.feature("zanzibar")] in searched
    searched = frequencies.search(own, rows=1_000_000, most=5_000)
    assert searched[0] == [likeness.feature("zanzibar")]
    assert all(len(features) == 2 or features in searched[:1] for features in searched)


def test_nothing_is_looked_for_that_too_many_have() -> None:
    frequencies = Frequencies.count([entries("mail server down")] * 1000)
    own = likeness.heaviest(entries("mail server"), frequencies.rarity)

    assert frequencies.search(own, rows=1_000_000, most=500) == []


def test_an_empty_text_is_like_nothing() -> None:
    assert scores(0, [("", ""), ("printer", "")]) == [0.0, 0.0]
