"""A model as one file that is safe to load: plain arrays and JSON in a zip, nothing that could be executed."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from triage.classifier.lexicon import Pieces
from triage.classifier.model import TrainedModel
from triage.classifier.thresholds import OUTCOME

FORMAT: Final = 1
#: The model that comes with the product; `make model` writes it.
SHIPPED: Final = Path(__file__).resolve().parent / "shipped.zip"
MOST_BYTES: Final = 300 * 2**20  # unpacked; a file that claims more is refused
_ARRAYS: Final = ("idf", "coefficients", "intercepts", "prior")
_LATER: Final = ("outcomes", "confidence_map")
_MOMENT: Final = (2000, 1, 1, 0, 0, 0)  # the same model makes the same bytes


class ModelUnreadable(ValueError):
    """The data is not a model of ours, is damaged, or is from another version."""


def dumps(model: TrainedModel) -> bytes:
    """Return the model as bytes. Coefficients are kept in 16 bits: half the size, the same predictions."""
    members: dict[str, bytes] = {}
    arrays = {name: getattr(model, name) for name in (*_ARRAYS, *_LATER)}
    if model.pieces is not None:
        arrays["piece_idf"] = model.pieces.idf
        arrays["piece_coefficients"] = model.pieces.coefficients
        members["pieces.json"] = _packed(list(model.pieces.columns))
    for name, array in arrays.items():
        buffer = io.BytesIO()
        short = array.astype(np.float16) if name.endswith("coefficients") else array
        np.save(buffer, short, allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
    about = {
        "format": FORMAT,
        "name": model.name,
        "labels": model.labels,
        "temperature": model.temperature,
        "auto_thresholds": dict(model.auto_thresholds),
        "rule_weight": model.rule_weight,
        "new_idf": model.new_idf,
        "opening": model.opening,
        "foreign": model.foreign,
        "scores": dict(model.scores),
    }
    members["vocabulary.json"] = _packed(list(model.vocabulary))
    members["model.json"] = json.dumps(about, sort_keys=True).encode()
    members["sha256"] = _digest(members).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def loads(data: bytes) -> TrainedModel:
    """Return the model that `dumps` wrote.

    :raises ModelUnreadable: saying why.
    """
    try:
        members = _unpack(data)
        about: dict[str, Any] = json.loads(members["model.json"])
        if about["format"] != FORMAT:
            raise ModelUnreadable(
                f"It has format {about['format']}; this version reads format {FORMAT}. Train it again."
            )
        arrays = {name: _array(members, name).astype(np.float32) for name in _ARRAYS}
        words = json.loads(members["vocabulary.json"])
        model = TrainedModel(
            name=about["name"],
            labels=tuple(about["labels"]),
            vocabulary={word: index for index, word in enumerate(words)},
            temperature=float(about["temperature"]),
            auto_thresholds=about["auto_thresholds"],
            rule_weight=float(about.get("rule_weight", 0.0)),  # older ones know none
            scores=about["scores"],
            **arrays,
            **_later(members),
            new_idf=float(about.get("new_idf", 0.0)),
            opening=float(about.get("opening", 0.0)),
            foreign=bool(about.get("foreign", False)),
            pieces=_pieces(members, len(about["labels"])),
        )
        if not _fits_together(model, len(words)):
            raise ModelUnreadable("Damaged: the arrays do not fit together.")
    except ModelUnreadable:
        raise
    except Exception as error:  # whoever made the file chose how it breaks
        raise ModelUnreadable(f"Damaged: {error}") from None
    return model


def _fits_together(model: TrainedModel, words: int) -> bool:
    labels = len(model.labels)
    shapes = {
        "idf": (words,),
        "coefficients": (words, labels),
        "intercepts": (labels,),
        "prior": (labels,),
        "confidence_map": (2, model.confidence_map.shape[-1]),
    }
    return (
        labels > 1
        and all(isinstance(label, str) for label in model.labels)
        and len(set(model.labels)) == labels
        and len(model.vocabulary) == words
        and set(model.auto_thresholds) == set(model.labels)
        and model.temperature > 0
        and all(getattr(model, name).shape == shape for name, shape in shapes.items())
        and all(np.isfinite(getattr(model, name)).all() for name in shapes)
        and bool(np.isin(model.outcomes["label"], np.arange(labels)).all())
    )


def _packed(names: list[str]) -> bytes:
    return json.dumps(names, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _array(members: dict[str, bytes], name: str) -> NDArray[Any]:
    found: NDArray[Any] = np.load(io.BytesIO(members[f"{name}.npy"]), allow_pickle=False)
    return found


def _later(members: dict[str, bytes]) -> dict[str, NDArray[Any]]:
    """What older files lack: then the model's own defaults hold."""
    found = {name: _array(members, name) for name in _LATER if f"{name}.npy" in members}
    if "outcomes" in found and found["outcomes"].dtype != OUTCOME:
        raise ModelUnreadable("Damaged: what came of its predictions cannot be read.")
    return found


def _pieces(members: dict[str, bytes], labels: int) -> Pieces | None:
    if "pieces.json" not in members:
        return None
    names = json.loads(members["pieces.json"])
    idf = _array(members, "piece_idf").astype(np.float32)
    coefficients = _array(members, "piece_coefficients").astype(np.float32)
    if idf.shape != (len(names),) or coefficients.shape != (len(names), labels):
        raise ModelUnreadable("Damaged: the arrays do not fit together.")
    return Pieces({name: index for index, name in enumerate(names)}, idf, coefficients)


def _unpack(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(info.file_size for info in archive.infolist()) > MOST_BYTES:
            raise ModelUnreadable(f"It unpacks to more than {MOST_BYTES // 2**20} MB.")
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    digest = members.pop("sha256", b"").decode("ascii", "replace")
    if digest != _digest(members):
        raise ModelUnreadable("Damaged: its checksum does not match.")
    return members


def _digest(members: dict[str, bytes]) -> str:
    hashed = hashlib.sha256()
    for name in sorted(members):
        hashed.update(name.encode() + b"\0" + len(members[name]).to_bytes(8, "big") + members[name])
    return hashed.hexdigest()
