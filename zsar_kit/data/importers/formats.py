"""The three layouts in which pooled features are published, each read and written.

============  ==========================================================================================================
``synse``     a folder with ``{train, train_label, ztest, z_label, gtest, g_label}.npy``, perhaps ``gtest_out.npy``; of
              SynSE and its users (MSF-GZSSAR, FS-VAE, SA-DVAE, TDSM, which leaves ``gtest`` out). The folders
              ``shift_val_*`` have ``val, val_label`` in the place of ``gtest, g_label``, and ``ztest_out, val_out``.
``flora``     one ``.npz`` with ``{train, zsl, gzsl}_data`` and ``{train, zsl, gzsl}_label``.
``smie``      a folder with ``{train, train_label, test, test_label}.npy``; ``test`` are the unseen classes.
============  ==========================================================================================================
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zsar_kit.artefacts import atomic_folder, file_digest
from zsar_kit.data.importers.published import PublishedFeatures, Samples
from zsar_kit.data.importers.streams import ArrayStream, open_npy, open_npz, refuse_existing, write_npy, write_npz
from zsar_kit.errors import DataError, nearest_name

FORMATS = ("synse", "flora", "smie")
_FLORA = tuple(f"{part}_{what}" for part in ("train", "zsl", "gzsl") for what in ("data", "label"))
#: set to the files of its features, labels and logits
_SYNSE = {
    "train": ("train", "train_label", ""),
    "zsl": ("ztest", "z_label", "ztest_out"),
    "gzsl": ("gtest", "g_label", "gtest_out"),
    "seen": ("val", "val_label", "val_out"),
}
_SMIE = {"train": ("train", "train_label", ""), "zsl": ("test", "test_label", "")}


def read_published(path: str | Path, form: str) -> PublishedFeatures:
    """Read a feature file or folder; labels are checked when a split is known, see :meth:`PublishedFeatures.check`.

    Args:
        path: the file or folder.
        form: one of :data:`FORMATS`.

    Raises:
        DataError: an array is absent, truncated, pickled, of another type or shape, not finite, or of another length
            than its labels; or the folder mixes test and validation features.
    """
    path = Path(path)
    if form not in FORMATS:
        raise DataError(f"unknown feature format {form!r}", remedy=nearest_name(form, FORMATS))
    if form == "flora":
        return _read_flora(path)
    if not path.is_dir():
        raise DataError(f"the format {form!r} needs a folder of .npy files, there is none", where=path)
    if form == "smie":
        return _read_folder(path, _SMIE)
    optional = [name for name in ("gzsl", "seen") if (path / f"{_SYNSE[name][0]}.npy").is_file()]
    if len(optional) == 2:
        problem = "gtest.npy belongs to test features and val.npy to validation features, here are both"
        raise DataError(problem, where=path, remedy="Keep the two kinds in folders of their own.")
    return _read_folder(path, {name: _SYNSE[name] for name in ("train", "zsl", *optional)})


def write_published(path: str | Path, form: str, published: PublishedFeatures) -> None:
    """Write features as others read them: float32, labels int64.

    Raises:
        DataError: something exists at ``path``, or the format has no place for one of the sets.
    """
    path = Path(path)
    if form not in FORMATS:
        raise DataError(f"unknown feature format {form!r}", remedy=nearest_name(form, FORMATS))
    if published.validation and form != "synse":
        raise DataError(f"the format {form!r} has no place for validation features", where=path, remedy="Use synse.")
    refuse_existing(path)
    if form == "flora":
        if published.gzsl is None:
            raise DataError("the format 'flora' needs test samples of seen classes, there are none", where=path)
        arrays = {}
        for name, samples in published.sets().items():
            arrays |= {f"{name}_data": samples.features, f"{name}_label": samples.labels}
        write_npz(path, arrays)
        return
    places = _SMIE if form == "smie" else _SYNSE
    with atomic_folder(path) as folder:
        for name, samples in published.sets().items():
            if name not in places:
                continue  # SMIE's folders have the unseen test samples only
            data, label, logits = places[name]
            write_npy(folder / f"{data}.npy", samples.features)
            write_npy(folder / f"{label}.npy", samples.labels)
            if logits and samples.logits is not None:
                write_npy(folder / f"{logits}.npy", samples.logits)


def _read_folder(path: Path, places: dict[str, tuple[str, str, str]]) -> PublishedFeatures:
    sets, inputs = {}, {}
    for name, (data, label, logits) in places.items():
        files = {role: path / f"{file}.npy" for role, file in (("data", data), ("label", label))}
        if logits and (path / f"{logits}.npy").is_file():
            files["logits"] = path / f"{logits}.npy"
        arrays = {}
        for role, file in files.items():
            with open_npy(file) as stream:
                arrays[role] = _labels(stream) if role == "label" else _numbers(stream)
            inputs[file.name] = file_digest(file)
        sets[name] = _samples(str(files["label"]), arrays["data"], arrays["label"], arrays.get("logits"))
    return PublishedFeatures(**sets, inputs=inputs)


def _read_flora(path: Path) -> PublishedFeatures:
    sets = {}
    with open_npz(path, _FLORA) as member:
        for name in ("train", "zsl", "gzsl"):
            where = f"{path}, array '{name}_label'"
            sets[name] = _samples(where, _numbers(member(f"{name}_data")), _labels(member(f"{name}_label")))
    return PublishedFeatures(**sets, inputs={path.name: file_digest(path)})


def _samples(where: str, features: np.ndarray, labels: np.ndarray, logits: np.ndarray | None = None) -> Samples:
    for what, array in (("features", features), ("logits", logits)):
        if array is not None and len(array) != len(labels):
            raise DataError(f"{len(array)} rows of {what} need as many labels, got {len(labels)}", where=where)
    return Samples(where, features, labels, logits)


def _numbers(stream: ArrayStream) -> np.ndarray:
    """Features or logits: finite floats ``[sample, d]``, as float32."""
    if not np.issubdtype(stream.dtype, np.floating) or len(stream.shape) != 2 or 0 in stream.shape:
        problem = f"floating-point numbers [sample, width] are required, got {stream.dtype} {list(stream.shape)}"
        raise DataError(problem, where=stream.where)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
        values = np.ascontiguousarray(stream.whole(), dtype=np.float32)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise DataError(f"row {row} has a value that is not finite in float32", where=stream.where)
    return values


def _labels(stream: ArrayStream) -> np.ndarray:
    """Class ids ``[sample]`` or ``[sample, 1]``; floats only where all are whole, as some arrays have them."""
    kind, shape = stream.dtype.kind, stream.shape
    if kind not in "iuf" or 0 in shape or not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        problem = f"class ids [sample] are required, got {stream.dtype} {list(shape)}"
        raise DataError(problem, where=stream.where, remedy="Labels are one whole number a sample.")
    values = stream.whole().reshape(-1)
    if kind == "f" and not (np.isfinite(values) & (values == np.floor(values)) & (np.abs(values) < 2**31)).all():
        raise DataError("class ids must be whole numbers, got fractions", where=stream.where)
    return values.astype(np.int64)
