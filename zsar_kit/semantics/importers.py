"""Published, pre-computed text features become :class:`Semantics`.

Two file formats are in use:

- ``.npy``: one vector per class, ``[class, d]`` (MSF-GZSSAR, FS-VAE, SA-DVAE, SynSE, SMIE);
- ``.tar``, ``.pt``, ``.pth``: a tensor saved by torch, one vector per sentence, ``[class, sentence, d]`` (STAR,
  Neuron).

Either content is accepted in either format. :func:`import_text_sets` reads a folder of them, such as Neuron's six
granularities of text. Nothing is ever unpickled: object arrays and other Python objects are refused.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from zsar_kit.artefacts import file_digest
from zsar_kit.errors import DataError
from zsar_kit.semantics.embeddings import Semantics, pool_sentences
from zsar_kit.semantics.text_encoder import LanguageRecord

_TORCH_SUFFIXES = (".tar", ".pt", ".pth")


def import_semantics(
    path: str | Path,
    *,
    dataset: str,
    class_names: Sequence[str],
    text_set: str,
    language_model: str,
    texts: str | Path | None = None,
    width: int | None = None,
    rows: Sequence[int] | None = None,
) -> Semantics:
    """Read published text features; class i is row i of the file, or row ``rows[i]``.

    With one vector per class, that vector is both the pooled feature and the only token. With one vector per
    sentence, the sentence vectors are the tokens, and the pooled feature is the mean of their unit vectors,
    scaled to unit length.

    Args:
        path: ``.npy`` or torch file, ``[class, d]`` or ``[class, sentence, d]``, floating point.
        dataset: name of the data set whose classes these are.
        class_names: its official class names in label order, as many as the file has rows (or ``rows`` names).
        text_set: what the texts were, e.g. ``"label"`` or ``"motion"``.
        language_model: the model that made the features, e.g. ``"CLIP ViT-B/32"``.
        texts: CSV of the texts: a header, then rows ``index,text`` with indices from 1; or JSON: class name to its
            sentences, in the order of the file's rows, as many as there are vectors per class.
        width: required feature width; None accepts any.
        rows: which rows of the file are the classes, e.g. ``range(60)`` of a file for NTU RGB+D 120 whose first classes
            are those of NTU RGB+D 60; all if None.

    Raises:
        DataError: a file is absent, truncated, holds pickled objects, is not numeric or not finite, or
            differs in shape or number of classes from what is required.
    """
    path = Path(path)
    features = _read_features(path)
    if features.ndim not in (2, 3) or 0 in features.shape:
        raise DataError(
            f"features must be [class, d] or [class, sentence, d], got the shape {features.shape}", where=path
        )
    sentences = _texts_of(texts, features)
    if rows is not None:
        chosen = _chosen(rows, len(features), path)
        features, sentences = features[chosen], tuple(sentences[r] for r in chosen)
    if len(features) != len(class_names):
        raise DataError(
            f"{dataset!r} has {len(class_names)} classes, the file has {len(features)} rows",
            where=path,
            remedy="Give the class names of the data set the file was made for.",
        )
    if width is not None and features.shape[-1] != width:
        raise DataError(f"features of width {width} are required, got {features.shape[-1]}", where=path)
    if not np.isfinite(features).all():
        row = int(np.argwhere(~np.isfinite(features))[0][0])
        raise DataError(f"the features of class {row} are not finite", where=path)
    empty = ~features.reshape(len(features), -1, features.shape[-1]).any(axis=-1)
    if empty.any():
        problem = f"the features of class {int(np.argwhere(empty)[0][0])} are zero, so its text was not encoded"
        raise DataError(problem, where=path, remedy="Encode the text of every class.")
    per_sentence = features.ndim == 3
    tokens = features if per_sentence else features[:, None]
    pooling = "mean of unit sentence vectors, unit length" if per_sentence else "as published"
    return Semantics(
        dataset=dataset,
        text_set=text_set,
        class_ids=tuple(range(len(features))),
        class_names=tuple(class_names),
        texts=sentences,
        tokens=tokens,
        mask=np.ones(tokens.shape[:2], dtype=bool),
        pooled=np.stack([pool_sentences(t) for t in tokens]),
        language=LanguageRecord(
            name=language_model,
            weights=f"unknown; features sha256:{file_digest(path)}",
            settings="",
            width=int(features.shape[-1]),
            max_tokens=None,
            pooling=pooling,
        ),
        sentences=features if per_sentence and features.shape[1] > 1 else None,
    )


def import_text_sets(
    folder: str | Path,
    *,
    dataset: str,
    class_names: Sequence[str],
    language_model: str,
    texts: bool = True,
    width: int | None = None,
    rows: Sequence[int] | None = None,
) -> dict[str, Semantics]:
    """Read a folder of torch files, one per text set, at any depth; all must have the same shape.

    A text set is named after its file, without the words that all file names begin with: Neuron's six files such as
    ``ntu120_gpt4omini_incontext_spatial_cg.tar`` become ``spatial_cg``, ``temporal_fp`` and so on.

    Args:
        folder: the folder.
        dataset, class_names, language_model, width, rows: as in :func:`import_semantics`.
        texts: read the sentences of a set from the JSON file of the same name next to it, if there is one. Only
            the name says that the vectors were made from these sentences.

    Raises:
        DataError: there is no torch file, two sets share a name or differ in shape, or one is broken.
    """
    folder = Path(folder)
    found = sorted(p for p in folder.rglob("*") if p.suffix in _TORCH_SUFFIXES and p.is_file())
    if not found:
        known = ", ".join(_TORCH_SUFFIXES)
        raise DataError(f"there is no text feature file ({known}) here", where=folder, remedy="Check the path.")
    sets: dict[str, Semantics] = {}
    for path, name in zip(found, _own_names([p.stem for p in found]), strict=True):
        if name in sets:
            raise DataError(f"two files give the text set {name!r}", where=path, remedy="Remove one.")
        beside = path.with_name(f"{name}.json")
        sets[name] = import_semantics(
            path,
            dataset=dataset,
            class_names=class_names,
            text_set=name,
            language_model=language_model,
            texts=beside if texts and beside.is_file() else None,
            width=width,
            rows=rows,
        )
        first = next(iter(sets.values())).tokens.shape
        if (shape := sets[name].tokens.shape) != first:
            raise DataError(f"all text sets must have the shape {first}, got {shape}", where=path)
    return sets


def _own_names(stems: Sequence[str]) -> list[str]:
    """File names without the words (separated by underscores) that all of them begin with."""
    words = [stem.split("_") for stem in stems]
    shared, keep = 0, min(map(len, words)) - 1  # each name keeps at least one word
    while len(words) > 1 and shared < keep and len({w[shared] for w in words}) == 1:
        shared += 1
    return ["_".join(w[shared:]) for w in words]


def _chosen(rows: Sequence[int], count: int, path: Path) -> list[int]:
    chosen = [int(r) for r in rows]
    if outside := [r for r in chosen if not 0 <= r < count]:
        raise DataError(f"row {outside[0]} is requested, but the file has {count} rows", where=path)
    return chosen


def _texts_of(texts: str | Path | None, features: np.ndarray) -> tuple[tuple[str, ...], ...]:
    if texts is None:
        return ((),) * len(features)
    if Path(texts).suffix == ".json":
        return _read_json_texts(Path(texts), len(features), features.shape[1] if features.ndim == 3 else 1)
    return _read_texts(Path(texts), len(features))


def _read_json_texts(path: Path, count: int, each: int) -> tuple[tuple[str, ...], ...]:
    """The sentences of a JSON file: class name to a list of them, or to one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError("the text file does not exist", where=path, remedy="Check the path.") from None
    except ValueError as error:
        raise DataError(f"texts must be JSON in UTF-8: {error}", where=path) from None
    if not isinstance(content, dict) or len(content) != count:
        have = f"{len(content)} names" if isinstance(content, dict) else f"a {type(content).__name__}"
        raise DataError(f"{count} class names with their sentences are required, got {have}", where=path)
    read = {name: [value] if isinstance(value, str) else value for name, value in content.items()}
    for name, sentences in read.items():
        whole = isinstance(sentences, list) and all(isinstance(s, str) and s.strip() for s in sentences)
        if not whole or len(sentences) != each:
            raise DataError(f"{name!r} must have {each} sentences, one per vector", where=path)
    return tuple(tuple(s.strip() for s in sentences) for sentences in read.values())


def _read_features(path: Path) -> np.ndarray:
    """The array of a file as float32."""
    if not path.is_file():
        raise DataError("the feature file does not exist", where=path, remedy="Check the path.")
    if path.suffix == ".npy":
        array = _read_npy(path)
    elif path.suffix in _TORCH_SUFFIXES:
        array = _read_torch(path)
    else:
        known = ", ".join((".npy", *_TORCH_SUFFIXES))
        raise DataError(f"a feature file ends in one of {known}; this one in {path.suffix!r}", where=path)
    if not np.issubdtype(array.dtype, np.floating):
        raise DataError(f"features must be floating-point numbers, got {array.dtype}", where=path)
    with np.errstate(over="ignore"):  # values beyond float32 become infinite and are refused as such
        return np.ascontiguousarray(array, dtype=np.float32)


def _read_npy(path: Path) -> np.ndarray:
    try:
        with open(path, "rb") as stream:
            array = np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        if "Object arrays" in str(error):
            raise _pickled(path) from None
        raise DataError(f"not a whole .npy file: {error}", where=path, remedy="Fetch it again.") from None
    return array


def _read_torch(path: Path) -> np.ndarray:
    if not zipfile.is_zipfile(path):
        raise DataError(
            "not a whole torch file: the zip archive that torch.save writes is damaged, or this is something else",
            where=path,
            remedy="Fetch it again; a file of torch before 1.6 must be saved again.",
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises several kinds, one of them from a module that must not be imported
        if "weights_only" in str(error):
            raise _pickled(path) from None
        raise DataError(f"torch cannot read the file: {error}", where=path, remedy="Fetch it again.") from None
    if not isinstance(content, torch.Tensor):
        raise DataError(f"one tensor is required, the file holds a {type(content).__name__}", where=path)
    if not content.dtype.is_floating_point:
        raise DataError(f"features must be floating-point numbers, got {content.dtype}", where=path)
    return content.detach().to(torch.float32).numpy()


def _pickled(path: Path) -> DataError:
    return DataError(
        "the file holds pickled objects, which can run code when they are read",
        where=path,
        remedy="Save the plain numbers instead, e.g. `numpy.save(file, array.astype('float32'))`.",
    )


def _read_texts(path: Path, count: int) -> tuple[tuple[str, ...], ...]:
    """The texts of a CSV with 1-based indices, one per class."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except FileNotFoundError:
        raise DataError("the text file does not exist", where=path, remedy="Check the path.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"texts must be UTF-8: {error}", where=path) from None
    if len(rows) != count + 1:
        raise DataError(f"a header and {count} rows are required, got {len(rows)} lines", where=path)
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != 2 or row[0].strip() != str(number) or not row[1].strip():
            raise DataError(f"line {number + 1} must be `{number},text`, got {','.join(row)!r}", where=path)
    return tuple((row[1].strip(),) for row in rows[1:])
