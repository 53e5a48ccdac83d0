"""Published features: what others wrote is read exactly, what the kit writes is theirs, and what is wrong is named."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.artefacts import read_provenance
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.data.importers.features import export_features, import_features, import_record, published_logits
from zsar_kit.data.splits import gating_fold, load_split
from zsar_kit.errors import ArtefactError, DataError, LeakageError, SplitError

SPLIT, FOLD = load_split("ntu60", "55/5"), gating_fold("ntu60", "55/5")
Arrays = dict[str, np.ndarray]


def samples(rng: np.random.Generator, classes: tuple[int, ...], each: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.permutation(np.repeat(classes, each))
    return rng.normal(size=(len(labels), width)).astype(np.float32), labels


def synse_arrays(width: int = 8) -> Arrays:
    """Arrays under SynSE's names: two training and one test sample of a class, the unseen ones twice, shuffled."""
    rng = np.random.default_rng(0)
    train, train_label = samples(rng, SPLIT.seen, 2, width)
    gtest, g_label = samples(rng, SPLIT.candidates, 2, width)
    rows = rng.permutation(np.flatnonzero(np.isin(g_label, SPLIT.unseen)))
    out = rng.normal(size=(len(gtest), 60)).astype(np.float32)
    return {
        "train": train,
        "train_label": train_label,
        "ztest": gtest[rows],
        "z_label": g_label[rows],
        "gtest": gtest,
        "g_label": g_label,
        "gtest_out": out,
    }


def validation_arrays() -> Arrays:
    rng = np.random.default_rng(1)
    train, train_label = samples(rng, FOLD.seen, 2, 8)
    ztest, z_label = samples(rng, FOLD.unseen, 3, 8)
    val, val_label = samples(rng, FOLD.seen, 1, 8)
    arrays = {"train": train, "train_label": train_label, "ztest": ztest, "z_label": z_label}
    arrays |= {"val": val, "val_label": val_label}
    return arrays | {f"{k}_out": rng.normal(size=(len(arrays[k]), 60)).astype(np.float32) for k in ("ztest", "val")}


def flora_arrays(arrays: Arrays) -> Arrays:
    names = {"train": ("train", "train_label"), "zsl": ("ztest", "z_label"), "gzsl": ("gtest", "g_label")}
    found = {f"{k}_data": arrays[data] for k, (data, _) in names.items()}
    return found | {f"{k}_label": arrays[label] for k, (_, label) in names.items()}


def write(path: Path, form: str, arrays: Arrays) -> Path:
    """What the authors of a format would have written of SynSE-named arrays."""
    if form == "flora":
        np.savez(path, **flora_arrays(arrays))
        return path.with_name(f"{path.name}.npz")
    path.mkdir()
    if form == "smie":
        arrays = {
            "train": arrays["train"],
            "train_label": arrays["train_label"],
            "test": arrays["ztest"],
            "test_label": arrays["z_label"],
        }
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array, allow_pickle=array.dtype == object)
    return path


def imported(tmp_path: Path, form: str, arrays: Arrays, **options) -> FeatureSet:
    path = write(tmp_path / "theirs", form, arrays)
    return import_features(path, form, options.pop("split", SPLIT), tmp_path / "ours", **options)


@pytest.mark.parametrize("form", ["synse", "flora"])
@pytest.mark.parametrize("width", [256, 384, 512, 2048])
def test_every_row_gets_where_it_belongs(tmp_path: Path, form: str, width: int):
    arrays = synse_arrays(width)
    features = imported(tmp_path, form, arrays)
    count = len(arrays["train"])
    assert features.pooled.dtype == np.float32
    assert np.array_equal(features.pooled, np.concatenate([arrays["train"], arrays["gtest"]]))
    assert np.array_equal(features.labels, np.concatenate([arrays["train_label"], arrays["g_label"]]))
    assert features.train.tolist() == [True] * count + [False] * len(arrays["gtest"])
    assert (features.samples[0], features.samples[count]) == ("train_000001", "test_000001")
    assert set(features.subjects) == set(features.cameras) == {-1}
    assert FeatureSet.load(features.path).digest == features.digest


def test_logits_are_kept_with_the_columns_that_were_never_trained(tmp_path: Path):
    arrays = synse_arrays()
    features = imported(tmp_path, "synse", arrays)
    assert np.array_equal(published_logits(features), arrays["gtest_out"])
    assert (
        published_logits(import_features(write(tmp_path / "f", "flora", arrays), "flora", SPLIT, tmp_path / "o"))
        is None
    )
    np.save(features.path / "test_logits.npy", arrays["gtest_out"][:, :5])
    with pytest.raises(DataError, match=r"logits of shape \(120, 60\) are required, got \(120, 5\)"):
        published_logits(features)


@pytest.mark.parametrize("form", ["synse", "flora"])
def test_export_gives_back_the_arrays(tmp_path: Path, form: str):
    arrays = synse_arrays()
    features = imported(tmp_path, form, arrays)
    export_features(features, form, SPLIT, tmp_path / "again")
    if form == "flora":
        with np.load(tmp_path / "again", allow_pickle=False) as found:
            wanted, again = flora_arrays(arrays), dict(found)
    else:
        wanted = arrays
        again = {p.stem: np.load(p, allow_pickle=False) for p in (tmp_path / "again").iterdir()}
    assert again.keys() == wanted.keys()
    for name, array in again.items():
        if name.startswith(("z_label", "ztest", "zsl")):  # in the order of the whole test part
            continue
        assert np.array_equal(array, wanted[name])
    labels = again["zsl_label" if form == "flora" else "z_label"]
    assert np.array_equal(labels, arrays["g_label"][np.isin(arrays["g_label"], SPLIT.unseen)])
    second = import_features(tmp_path / "again", form, SPLIT, tmp_path / "second")
    assert (second.path / "features.safetensors").read_bytes() == (features.path / "features.safetensors").read_bytes()
    assert (second.path / "index.csv").read_bytes() == (features.path / "index.csv").read_bytes()


def test_an_export_is_the_same_bytes_every_time(tmp_path: Path):
    features = imported(tmp_path, "flora", synse_arrays())
    for name in ("a.npz", "b.npz"):
        export_features(features, "flora", SPLIT, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("form", ["smie", "synse"])
def test_files_without_seen_test_samples(tmp_path: Path, form: str):
    """SMIE's and TDSM's folders have the unseen classes only."""
    arrays = {k: v for k, v in synse_arrays().items() if not k.startswith("g")}
    features = imported(tmp_path, form, arrays)
    assert np.array_equal(features.pooled[~features.train], arrays["ztest"])
    assert np.array_equal(features.labels[~features.train], arrays["z_label"])
    export_features(features, form, SPLIT, tmp_path / "again")
    again = import_features(tmp_path / "again", form, SPLIT, tmp_path / "second")
    assert np.array_equal(again.pooled, features.pooled)
    with pytest.raises(DataError, match="needs test samples of seen classes, there are none"):
        export_features(features, "flora", SPLIT, tmp_path / "f.npz")
    with pytest.raises(DataError, match="test samples of all classes were not published"):
        import_features(tmp_path / "again", form, SPLIT, tmp_path / "third", test="gzsl")


def test_validation_features_are_of_the_gating_fold(tmp_path: Path):
    arrays = validation_arrays()
    features = imported(tmp_path, "synse", arrays, split=FOLD)
    assert np.array_equal(features.pooled[~features.train], np.concatenate([arrays["ztest"], arrays["val"]]))
    assert np.array_equal(published_logits(features), np.concatenate([arrays["ztest_out"], arrays["val_out"]]))
    assert import_record(features)["fold_of"] == "55/5"
    export_features(features, "synse", FOLD, tmp_path / "again")
    for name, array in arrays.items():
        assert np.array_equal(np.load(tmp_path / "again" / f"{name}.npy", allow_pickle=False), array)
    with pytest.raises(DataError, match=r"validation features.*do not fit '55/5'.*gating_fold"):
        import_features(tmp_path / "theirs", "synse", SPLIT, tmp_path / "o")
    with pytest.raises(DataError, match="no place for validation features"):
        export_features(features, "flora", FOLD, tmp_path / "f.npz")


def test_test_features_are_of_no_fold(tmp_path: Path):
    with pytest.raises(DataError, match="these are test features, which do not fit"):
        imported(tmp_path, "synse", synse_arrays(), split=FOLD)


def test_the_two_copies_of_the_unseen_samples_must_agree_or_one_is_chosen(tmp_path: Path):
    arrays = synse_arrays()
    arrays["ztest"] = arrays["ztest"].copy()
    arrays["ztest"][3] += 1
    path = write(tmp_path / "theirs", "synse", arrays)
    with pytest.raises(
        DataError, match=r"disagree: 1 of 10 in .*z_label.*and 1 of 10 there.*--test zsl or --test gzsl"
    ):
        import_features(path, "synse", SPLIT, tmp_path / "o")
    whole = import_features(path, "synse", SPLIT, tmp_path / "g", test="gzsl")
    assert np.array_equal(whole.pooled[~whole.train], arrays["gtest"])
    alone = import_features(path, "synse", SPLIT, tmp_path / "z", test="zsl")
    seen = np.isin(arrays["g_label"], SPLIT.seen)
    assert np.array_equal(alone.pooled[~alone.train], np.concatenate([arrays["ztest"], arrays["gtest"][seen]]))
    assert published_logits(alone) is None  # those of ztest were not published
    assert (alone.samples[110], alone.samples[120]) == ("zsl_000001", "seen_000001")


def test_a_sample_that_is_twice_in_one_copy_is_noticed(tmp_path: Path):
    """The same rows as sets, another number of times."""
    arrays = synse_arrays()
    for name in ("ztest", "z_label"):
        arrays[name] = np.concatenate([arrays[name], arrays[name][:1]])
    with pytest.raises(DataError, match=r"disagree: 1 of 11 .*and 0 of 10 there"):
        imported(tmp_path, "synse", arrays)


def test_minus_zero_is_zero(tmp_path: Path):
    arrays = synse_arrays()
    row = np.flatnonzero((arrays["gtest"] == arrays["ztest"][0]).all(axis=1))
    arrays["gtest"][row, 0] = 0.0
    arrays["ztest"][0, 0] = -0.0
    assert len(imported(tmp_path, "synse", arrays)) == 230


def test_nobody_knows_the_encoder_unless_somebody_declares_it(tmp_path: Path):
    path = write(tmp_path / "theirs", "synse", synse_arrays())
    unknown = import_features(path, "synse", SPLIT, tmp_path / "a")
    assert unknown.encoder.classes is None
    with pytest.raises(LeakageError, match="it is not known"):
        unknown.guard(SPLIT)
    assert unknown.guard(SPLIT, allow_encoder_leak=True).name == "unknown"
    seen = import_features(path, "synse", SPLIT, tmp_path / "b", encoder="shift_gcn", encoder_classes="seen")
    assert (seen.encoder.classes, seen.encoder.name) == (SPLIT.seen, "shift_gcn")
    assert seen.guard(SPLIT).name == "seen-only"
    assert "declared" in import_record(seen)["encoder_classes"]
    assert import_record(unknown)["encoder_classes"] == "unknown"
    everything = import_features(path, "synse", SPLIT, tmp_path / "c", encoder_classes="all")
    with pytest.raises(LeakageError, match="was trained on 10"):
        everything.guard(SPLIT)
    some = import_features(path, "synse", SPLIT, tmp_path / "d", encoder_classes=[3, 1])
    assert some.encoder.classes == (1, 3)
    with pytest.raises(DataError, match=r"0\.\.59"):
        import_features(path, "synse", SPLIT, tmp_path / "e", encoder_classes=[60])
    with pytest.raises(DataError, match="Did you mean 'seen'"):
        import_features(path, "synse", SPLIT, tmp_path / "e", encoder_classes="sen")


def test_provenance_has_the_digest_of_every_file(tmp_path: Path):
    features = imported(tmp_path, "synse", synse_arrays())
    inputs = read_provenance(features.path, "FeatureSet", version=1)["inputs"]
    assert inputs.keys() == {f"{name}.npy" for name in synse_arrays()}
    other = synse_arrays()
    other["train"][0, 0] += 1
    changed = import_features(write(tmp_path / "b", "synse", other), "synse", SPLIT, tmp_path / "ours2")
    assert changed.digest != features.digest


def replaced(name: str, value: Callable[[np.ndarray], np.ndarray]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {name: value(arrays[name])}


def put(index, value) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[index] = value
        return array

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (replaced("train", lambda a: a[:, :, None]), DataError, r"\[sample, width\] are required, got .*train\.npy"),
        (replaced("train", lambda a: a.astype(int)), DataError, r"floating-point.*got int64.*train\.npy"),
        (replaced("gtest", put((4, 2), np.nan)), DataError, r"row 4 has a value that is not finite.*gtest\.npy"),
        (replaced("ztest", put((0, 0), np.inf)), DataError, r"row 0 has a value that is not finite.*ztest\.npy"),
        (replaced("train", lambda a: a.astype(float) * 1e300), DataError, "not finite in float32"),
        (replaced("gtest", lambda a: a[:-1]), DataError, r"119 rows of features need as many labels, got 120.*g_label"),
        (replaced("gtest_out", lambda a: a[:-1]), DataError, "119 rows of logits need as many labels"),
        (replaced("gtest_out", lambda a: a[:, :55]), DataError, "a column for each of 60 classes, got 55"),
        (replaced("ztest", lambda a: a[:, :7]), DataError, "all features must have one width, got"),
        (replaced("train_label", lambda a: a + 0.5), DataError, r"whole numbers, got fractions.*train_label"),
        (replaced("train_label", lambda a: np.eye(60)[a]), DataError, r"one whole number a sample"),
        (replaced("train_label", lambda a: a.astype(str)), DataError, r"class ids \[sample\] are required, got <U"),
        (replaced("train_label", lambda a: a[:0]), DataError, "class ids"),
        (replaced("g_label", lambda a: a + 1), DataError, r"must be 0\.\.59, got 1\.\.60.*They look 1-based"),
        (replaced("g_label", put(0, -1)), DataError, r"must be 0\.\.59, got -1\.\."),
        (
            replaced("train_label", put(0, 10)),
            LeakageError,
            r"training samples: 10 \('reading'\).*train_label",
        ),
        (
            replaced("z_label", put(0, 0)),
            DataError,
            r"only unseen classes of .* may be here, got label 0.*z_",
        ),
        (
            replaced("train_label", lambda a: np.where(a == 0, 1, a)),
            DataError,
            "1 seen classes have no training sample",
        ),
        (replaced("train", lambda a: a[:, :0]), DataError, "floating-point numbers"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, change, error, message: str):
    with pytest.raises(error, match=message):
        imported(tmp_path, "synse", change(synse_arrays()))
    assert not (tmp_path / "ours").exists()


def test_labels_of_other_types_and_column_order_mean_the_same(tmp_path: Path):
    arrays = synse_arrays()
    odd = arrays | {
        "train_label": arrays["train_label"].astype(np.float64)[:, None],
        "g_label": arrays["g_label"].astype(np.uint8),
        "train": np.asfortranarray(arrays["train"].astype(np.float64)),
    }
    plain = import_features(write(tmp_path / "a", "synse", arrays), "synse", SPLIT, tmp_path / "o1")
    other = import_features(write(tmp_path / "b", "synse", odd), "synse", SPLIT, tmp_path / "o2")
    assert np.array_equal(plain.pooled, other.pooled)
    assert np.array_equal(plain.labels, other.labels)


@pytest.mark.parametrize("form", ["synse", "flora"])
def test_pickles_are_refused_and_never_run(tmp_path: Path, form: str):
    arrays = synse_arrays()
    arrays["train_label"] = arrays["train_label"].astype(object)
    with pytest.raises(DataError, match=r"train_label.*holds? pickled objects|pickled objects.*train_label"):
        imported(tmp_path, form, arrays)
    (tmp_path / "p.npz").write_bytes(pickle.dumps({"train_data": 1}))
    with pytest.raises(DataError, match="not a complete array file"):
        import_features(tmp_path / "p.npz", "flora", SPLIT, tmp_path / "o")


@pytest.mark.parametrize("cut", [3, 60, -4])
def test_truncated_files_are_named(tmp_path: Path, cut: int):
    path = write(tmp_path / "theirs", "synse", synse_arrays())
    (path / "ztest.npy").write_bytes((path / "ztest.npy").read_bytes()[:cut])
    with pytest.raises(DataError, match=r"not a complete array file.*ztest\.npy.*Fetch it again"):
        import_features(path, "synse", SPLIT, tmp_path / "o")


def test_a_header_that_promises_too_much_costs_no_memory(tmp_path: Path):
    path = write(tmp_path / "theirs", "synse", synse_arrays())
    with open(path / "train.npy", "wb") as stream:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**9)}
        np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(DataError, match="needs 4000000000000000000 bytes, there are 0"):
        import_features(path, "synse", SPLIT, tmp_path / "o")


@pytest.mark.parametrize("position", [0.3, 0.6, 0.999])
def test_a_damaged_archive_is_named(tmp_path: Path, position: float):
    path = write(tmp_path / "theirs", "flora", synse_arrays(200))
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"(not a complete array file|is missing).*theirs\.npz"):
        import_features(path, "flora", SPLIT, tmp_path / "o")


def test_absent_and_foreign_things_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"needs a folder of \.npy files, there is none"):
        import_features(tmp_path / "no", "synse", SPLIT, tmp_path / "o")
    with pytest.raises(DataError, match="does not exist"):
        import_features(tmp_path / "no.npz", "flora", SPLIT, tmp_path / "o")
    np.savez(tmp_path / "x.npz", train_dat=np.ones(3))
    with pytest.raises(DataError, match=r"'train_data' is missing.*It has train_dat.*Did you mean 'train_dat'"):
        import_features(tmp_path / "x.npz", "flora", SPLIT, tmp_path / "o")
    path = write(tmp_path / "theirs", "synse", synse_arrays())
    with pytest.raises(DataError, match="Did you mean 'synse'"):
        import_features(path, "sinse", SPLIT, tmp_path / "o")
    with pytest.raises(DataError, match="Did you mean 'gzsl'"):
        import_features(path, "synse", SPLIT, tmp_path / "o", test="gzls")
    np.save(path / "val.npy", np.ones((1, 8), np.float32))
    with pytest.raises(DataError, match="here are both"):
        import_features(path, "synse", SPLIT, tmp_path / "o")
    (path / "val.npy").unlink()
    (path / "g_label.npy").unlink()
    with pytest.raises(DataError, match=r"does not exist.*g_label\.npy"):
        import_features(path, "synse", SPLIT, tmp_path / "o")


def test_nothing_is_written_over(tmp_path: Path):
    features = imported(tmp_path, "synse", synse_arrays())
    with pytest.raises(DataError, match="something exists there already"):
        import_features(tmp_path / "theirs", "synse", SPLIT, features.path)
    for form in ("synse", "flora"):
        with pytest.raises(DataError, match="something exists there already"):
            export_features(features, form, SPLIT, features.path)
    with pytest.raises(SplitError, match="the split is for ntu120, the features are of ntu60"):
        export_features(features, "synse", load_split("ntu120", "110/10"), tmp_path / "o")
    (features.path / "test_logits.npy").unlink()
    with pytest.raises(ArtefactError, match=r"test_logits\.npy"):
        FeatureSet.load(features.path)
