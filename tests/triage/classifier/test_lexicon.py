from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.classifier import lexicon
from triage.classifier.features import Example, document
from triage.classifier.lexicon import Lexicon, Pieces
from triage.classifier.pieces import pieces_matrix, pieces_of
from triage.classifier.training import train

GERMAN = {
    "drucker": ["Netzwerkdrucker", "Laserdrucker", "Druckertreiber", "Etikettendrucker"],
    "rechnung": ["Rechnungsbetrag", "Monatsrechnung", "Rechnungsdatum", "Stromrechnung"],
}


def german() -> list[Example]:
    return [
        Example(word, f"Bitte helfen, {other} fehlt", label)
        for label, words in GERMAN.items()
        for word in words
        for other in words
    ]


def small() -> Lexicon:
    pieces = pieces_of("drucker")
    columns = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    ones = np.ones(len(columns), dtype=np.float32)
    coefficients = np.stack([ones, -ones], axis=1)
    known = np.array([[1.0, 0.0]], dtype=np.float32)
    return Lexicon(
        {"vpn": 0}, np.ones(1, np.float32), known, Pieces(columns, ones, coefficients), 2, 0
    )


def test_a_word_that_was_never_seen_is_understood_by_its_pieces() -> None:
    model = train(german(), name="deutsch")

    [prediction] = model.predict([("Farbdruckerpatrone", "")])

    assert "farbdruckerpatrone" not in model.vocabulary
    assert prediction.label == "drucker"
    assert "farbdruckerpatrone" in dict(prediction.words)


def test_a_new_word_gets_a_column_and_keeps_it() -> None:
    found = small()

    first = found.read([document(("druckertreiber", ""))])
    again = found.read([document(("vpn druckertreiber", ""))])

    assert first.features.indices.tolist() == [1]
    assert sorted(again.features.indices.tolist()) == [0, 1]
    assert again.names[1] == "druckertreiber"
    assert again.coefficients[1, 0] > 0 > again.coefficients[1, 1]


def test_the_memory_of_new_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "MOST_MET", 3)
    found = small()

    widths = {len(found.read([document((f"neu{number}x", ""))]).names) for number in range(20)}

    assert max(widths) <= 4


def test_threads_may_share_a_model() -> None:
    model = train(german(), name="deutsch")
    texts = [(f"Drucker{n}kabel", f"Wort{n}rest") for n in range(300)]
    alone = [p.shares for p in train(german(), name="deutsch").predict(texts)]
    found: dict[int, list[object]] = {}

    threads = [
        Thread(target=lambda n=n: found.update({n: [p.shares for p in model.predict(texts)]}))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(found[n] == alone for n in range(4))


@given(st.text(max_size=80))
def test_a_words_pieces_are_short_and_in_it(word: str) -> None:
    for piece in pieces_of(word):
        assert 2 <= len(piece) <= 5
        assert piece in f" {word[:40]} "


def test_pieces_are_counted_by_word() -> None:
    matrix, names = pieces_matrix(["aa", "aaa"])

    row = dict(zip(names, matrix.toarray()[1].tolist(), strict=True))
    assert (row["aa"], row["aaa"], row[" a"]) == (2, 1, 1)
