import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.terms import Matcher, singular, words_of


def found(text: str, *terms: str) -> set[str]:
    return {terms[key] for key in Matcher.compile(terms).find(words_of(text))}


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("add", "Update my address"),
        ("down", "Please download the manual"),
        ("issue", "tissue box"),
        ("key", "Keyboard sticky"),
        ("server", "observer"),
    ],
)
def test_a_term_inside_another_word_does_not_match(term: str, text: str) -> None:
    assert found(text, term) == set()


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("invoice", "two INVOICES missing"),
        ("policy", "which policies apply"),
        ("email", "my E-Mail is gone"),
        ("log in", "cannot log in."),
        ("key card", "lost two key cards"),
        ("refund*", "refunding me"),
        ("disk full", "Disk-full on srv1"),
        ("naïve", "NAÏVE"),
        ("can't print", "I can’t print"),
        ("manager", "my manager's laptop"),
        ("wifi", "Wi-Fi"),
        ("add in", "the add-in vanishes"),
        ("box", "two boxes"),
        ("credit no*", "a credit note"),
        ("straße", "STRASSE"),
        ("ｖｐｎ", "vpn"),
    ],
)
def test_a_term_matches_whole_words_in_any_case_and_their_plurals(term: str, text: str) -> None:
    assert found(text, term) == {term}


def test_the_words_of_a_phrase_must_follow_each_other() -> None:
    assert found("data that we did not lose was a loss", "data loss") == set()


def test_a_phrase_at_the_very_end_of_a_text_may_be_cut_off() -> None:
    assert found("we lost data", "data loss") == set()


@given(st.text(), st.lists(st.text(min_size=1), max_size=5))
def test_no_text_and_no_term_raises(text: str, terms: list[str]) -> None:
    Matcher.compile(terms).find(words_of(text))


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=5), min_size=1, max_size=8))
def test_every_word_of_a_text_is_found_in_it(words: list[str]) -> None:
    assert found(" ".join(words), *words) == set(words)


@given(st.text("abcs", min_size=1, max_size=6), st.text("abcs", min_size=1, max_size=6))
def test_two_single_words_match_only_when_they_are_one_up_to_the_plural(
    term: str, word: str
) -> None:
    assert bool(found(word, term)) == (term in (word, singular(word)))


def test_64_kilobytes_of_anything_take_milliseconds() -> None:
    matcher = Matcher.compile([f"data {word}" for word in "abcdefghijklmnopqrstuvwxyz"])

    start = time.process_time()
    matcher.find(words_of("data data\n" * 6500))

    assert time.process_time() - start < 0.5
