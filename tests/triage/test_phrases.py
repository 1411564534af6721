from triage.phrases import expand, tree_of


def test_alternatives_and_optional_words_are_multiplied_out() -> None:
    assert set(expand("whole|entire of? team|call_centre")) == {
        ("whole", "of", "team"),
        ("whole", "team"),
        ("whole", "of", "call", "centre"),
        ("whole", "call", "centre"),
        ("entire", "of", "team"),
        ("entire", "team"),
        ("entire", "of", "call", "centre"),
        ("entire", "call", "centre"),
    }


def test_every_phrase_that_begins_at_a_word_is_found_with_its_end() -> None:
    tree = tree_of({"short": ["site"], "long": ["site is down"]})

    assert list(tree.phrases_at(["the", "site", "is", "down"], 1)) == [("short", 2), ("long", 4)]


def test_a_number_in_a_phrase_is_any_number() -> None:
    tree = tree_of({"soon": ["in # hours"]})

    assert list(tree.phrases_at(["in", "48", "hours"], 0)) == [("soon", 3)]
    assert list(tree.phrases_at(["in", "some", "hours"], 0)) == []


def test_a_phrase_of_two_kinds_is_of_the_first() -> None:
    tree = tree_of({"grave": ["fire"], "mild": ["fire"]})

    assert list(tree.phrases_at(["fire"], 0)) == [("grave", 1)]


def test_a_pattern_of_nothing_but_optional_words_matches_nothing() -> None:
    assert tree_of({"any": ["the?"]}).kind is None
