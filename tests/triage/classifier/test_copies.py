"""Near-copies are found, whatever differs in their numbers, and nothing else is."""

from hypothesis import given
from hypothesis import strategies as st

from triage.classifier.copies import MOST, near_copies
from triage.classifier.features import document


def groups(*texts: str) -> list[int]:
    return near_copies([document(("", text)) for text in texts]).tolist()


def test_an_alert_with_other_numbers_is_a_near_copy() -> None:
    disk = "Disk of server {} is full: {} bytes left on the partition for logs"

    first, other, second = groups(
        disk.format(10_345, 99_120), "The VPN drops", disk.format(20_001, 1_204)
    )

    assert first == second != other


def test_a_chain_of_copies_is_one_group_and_the_same_topic_is_not() -> None:
    words = "one two three four five six seven eight nine ten"
    nearer = words.replace("one", "uno")

    a, b, c, d = groups(words, nearer, nearer.replace("two", "due"), "one two and something else")

    assert a == b == c != d


def test_texts_without_words_stand_for_themselves() -> None:
    assert groups() == []
    assert len(set(groups("", "vpn"))) == 2


@given(st.lists(st.text("ab ", max_size=9), min_size=1, max_size=12))
def test_the_same_words_are_always_one_group(texts: list[str]) -> None:
    found = groups(*texts, *reversed(texts))

    doubled = list(zip(texts, found, reversed(found), strict=False))
    assert all(first == last for text, first, last in doubled if text.strip())


def test_many_texts_are_not_compared() -> None:
    assert len(set(groups(*["the same"] * (MOST + 1)))) == MOST + 1
