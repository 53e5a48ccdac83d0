"""Published, pre-computed text features become :class:`Semantics`.

Two forms are in use:

- ``.npy``: one vector a class, ``[class, d]`` (MSF-GZSSAR, FS-VAE, SA-DVAE, SynSE, SMIE);
- ``.tar``, ``.pt``, ``.pth``: a tensor saved by torch, one vector a sentence, ``[class, sentence, d]`` (STAR,
  Neuron).

Either content is accepted in either form. Nothing is ever unpickled: object arrays and foreign objects are
refused.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from zsar_kit.artefacts import file_digest
from zsar_kit.errors import DataError
from zsar_kit.semantics.embeddings import Semantics, pool_sentences
from zsar_kit.semantics.language import LanguageRecord

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
) -> Semantics:
    """Read published text features; row i is class i.

    One vector a class: it is pooled feature and only token alike, unchanged. One vector a sentence: the
    sentence vectors are the tokens, and the pooled feature is the mean of their unit vectors, scaled to unit
    length.

    Args:
        path: ``.npy`` or torch file, ``[class, d]`` or ``[class, sentence, d]``, floating point.
        dataset: name of the data set whose classes these are.
        class_names: its official class names in label order; their number must be the file's.
        text_set: what the texts were, e.g. ``"label"`` or ``"motion"``.
        language_model: the model that made the features, e.g. ``"CLIP ViT-B/32"``.
        texts: CSV of the texts: a header, then rows ``index,text`` with indices from 1 on.
        width: the feature width that is required; any if None.

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
    per_sentence = features.ndim == 3
    tokens = features if per_sentence else features[:, None]
    pooling = "mean of unit sentence vectors, unit length" if per_sentence else "as published"
    return Semantics(
        dataset=dataset,
        text_set=text_set,
        class_ids=tuple(range(len(features))),
        class_names=tuple(class_names),
        texts=_read_texts(Path(texts), len(features)) if texts is not None else ((),) * len(features),
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
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
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
            "not a whole torch file: the zip archive that torch.save writes is damaged or is something else",
            where=path,
            remedy="Fetch it again; a file of torch before 1.6 must be saved anew.",
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises several kinds, among them one of a module that must not be imported
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
    """The texts of a CSV with 1-based indices, one a class."""
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
