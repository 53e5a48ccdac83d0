"""Feature sets: what is written is read; what is broken is named; and no unseen class gets into training."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from tests.resealed import reseal
from zsar_kit.artefacts import read_json, write_json
from zsar_kit.data.feature_files import load_array
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.data.leakage import EncoderRecord, check_encoder, check_training_labels, scored_rows, training_rows
from zsar_kit.data.splits import ClassSplit, class_names, load_split, pseudo_unseen_folds
from zsar_kit.errors import ArtefactError, DataError, LeakageError, SplitError

SAMPLES, WIDTH = 40, 6
SPLIT = load_split("nw_ucla", "8/2")
INPUTS = {"skeletons": "a", "encoder": "b"}


def record(dataset="nw_ucla", classes=SPLIT.seen, names=()):
    return EncoderRecord("shift_gcn", "abc", "joint", 0.5, dataset, classes, names)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def parts(rng):
    """Everything that a feature set is written from: four samples of each class, two of them train."""
    number = np.arange(SAMPLES)
    index = SimpleNamespace(
        sample=np.array([f"sample, {i}" for i in number]),
        label=number % 10,
        subject=number // 10,
        camera=np.full(SAMPLES, -1),
    )
    values = {
        "pooled": rng.normal(size=(SAMPLES, WIDTH)).astype(np.float32),
        "logits": rng.normal(size=(SAMPLES, len(SPLIT.seen))).astype(np.float32),
        "maps": rng.normal(size=(SAMPLES, 3, 5, WIDTH)).astype(np.float16),
    }
    return SimpleNamespace(values=values, index=index, train=number < SAMPLES // 2)


def write(path, parts, *, encoder=None, chunk=7, keys=("pooled", "logits", "maps")):
    values = {k: parts.values[k] for k in keys}
    return FeatureSet.write(
        path,
        chunks=({k: v[i : i + chunk] for k, v in values.items()} for i in range(0, SAMPLES, chunk)),
        skeleton_index=parts.index,
        train=parts.train,
        dataset="nw_ucla",
        class_names=class_names("nw_ucla"),
        encoder=encoder or record(),
        inputs=INPUTS,
    )


def test_names_that_a_spreadsheet_would_compute_come_back(tmp_path, parts):
    parts.index.sample = np.array([f"{'=+-@'[i % 4]}{i}" for i in range(SAMPLES)])
    loaded = write(tmp_path / "f", parts)
    assert loaded.samples.tolist() == parts.index.sample.tolist()
    lines = (tmp_path / "f" / "index.csv").read_text().splitlines()[1:]
    assert all(line.startswith("'") for line in lines)


@pytest.mark.parametrize("chunk", [1, 7, SAMPLES])
def test_round_trip(tmp_path, parts, chunk):
    written = write(tmp_path / "f", parts, chunk=chunk)
    loaded = FeatureSet.load(tmp_path / "f", expected=INPUTS)
    assert loaded.digest == written.digest
    assert (loaded.dataset, loaded.class_names) == ("nw_ucla", class_names("nw_ucla"))
    assert loaded.encoder == record()
    assert loaded.samples.tolist() == parts.index.sample.tolist()
    for ours, theirs in ((loaded.labels, "label"), (loaded.subjects, "subject"), (loaded.cameras, "camera")):
        assert ours.tolist() == getattr(parts.index, theirs).tolist()
    assert (loaded.train == parts.train).all()
    assert (loaded.pooled == parts.values["pooled"]).all()
    assert loaded.logits is not None
    assert (loaded.logits == parts.values["logits"]).all()
    maps = loaded.maps()
    assert isinstance(maps, np.memmap)
    assert (maps == parts.values["maps"]).all()


def test_same_content_gives_the_same_digest(tmp_path, parts):
    digests = {write(tmp_path / str(chunk), parts, chunk=chunk).digest for chunk in (3, 8)}
    assert len(digests) == 1
    parts.values["pooled"][0, 0] += 1
    assert write(tmp_path / "other", parts).digest not in digests


def test_logits_and_maps_are_optional(tmp_path, parts):
    loaded = write(tmp_path / "f", parts, keys=("pooled",))
    assert loaded.logits is None
    assert not (tmp_path / "f/maps.npy").exists()
    with pytest.raises(ArtefactError, match="no maps were kept"):
        loaded.maps()


def test_rows_to_learn_from_are_those_chosen_if_all_their_classes_are_seen(parts):
    label = parts.index.label
    seen_train = parts.train & np.isin(label, SPLIT.seen)
    rows = training_rows(label, seen_train, SPLIT)
    assert rows.tolist() == np.flatnonzero(seen_train).tolist()
    assert training_rows(label, rows[::-1], SPLIT).tolist() == rows[::-1].tolist()
    with pytest.raises(LeakageError, match=r"among the training samples: 1 \('pick up with two hands'\)"):
        training_rows(label, parts.train, SPLIT)
    with pytest.raises(DataError, match="no sample to learn from for nw_ucla '8/2'"):
        training_rows(label, np.zeros(SAMPLES, bool), SPLIT)


def test_fold_is_scored_inside_the_train_part(parts):
    fold = pseudo_unseen_folds(SPLIT)[0]
    label = parts.index.label
    inside = parts.train & np.isin(label, fold.candidates)
    assert set(label[training_rows(label, parts.train & np.isin(label, fold.seen), fold)]) == set(fold.seen)
    assert scored_rows(parts.train, inside, fold).tolist() == np.flatnonzero(inside).tolist()
    for chosen in (~parts.train, np.array([0, SAMPLES - 1])):
        with pytest.raises(LeakageError, match="test part, which must not be used to choose"):
            scored_rows(parts.train, chosen, fold)
        assert len(scored_rows(parts.train, chosen, SPLIT))


def test_a_split_of_another_data_set_is_refused(tmp_path, parts):
    features = write(tmp_path / "f", parts)
    with pytest.raises(SplitError, match=r"the split is for ntu60 \(60 classes\), the features are of nw_ucla"):
        features.guard(load_split("ntu60", "55/5"))


def spoil(parts, key, value):
    target = parts.values if key in parts.values else vars(parts.index)
    target[key] = np.array(target[key])
    target[key][(11, *[0] * (target[key].ndim - 1))] = value


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("pooled", np.nan, "'pooled' has a value that is not finite .*sample 'sample, 11'"),
        ("logits", np.inf, "'logits' has a value that is not finite .*sample 'sample, 11'"),
        ("maps", -np.inf, "'maps' has a value that is not finite .*sample 'sample, 11'"),
        ("label", 10, r"label 10 is not one of the classes 0\.\.9 .*index.csv, line 13"),
        ("label", -1, "label -1 is not one of"),
        ("sample", "sample, 3", "sample 'sample, 3' occurs twice"),
    ],
)
def test_bad_values_are_refused_and_nothing_is_written(tmp_path, parts, key, value, message):
    spoil(parts, key, value)
    with pytest.raises(DataError, match=message):
        write(tmp_path / "f", parts)
    assert list(tmp_path.iterdir()) == []


def test_what_overflows_on_disk_is_refused(tmp_path, parts):
    parts.values["maps"] = parts.values["maps"].astype(np.float32)
    parts.values["maps"][11, 0, 0, 0] = 1e5  # finite, but beyond float16
    with pytest.raises(DataError, match="'maps' has a value that is not finite"):
        write(tmp_path / "f", parts)


def test_shapes_that_disagree(tmp_path, parts):
    parts.values["pooled"] = parts.values["pooled"][:-1]
    with pytest.raises(DataError, match=r"'logits' has 5 rows, 'pooled' 4"):
        write(tmp_path / "f", parts)
    with pytest.raises(DataError, match="got features of 39 samples, but the index has 40"):
        write(tmp_path / "f", parts, keys=("pooled",))
    with pytest.raises(DataError, match="'train' must be a boolean for each of 40 samples"):
        write(tmp_path / "f", SimpleNamespace(**{**vars(parts), "train": parts.train[1:]}))
    with pytest.raises(DataError, match="every chunk needs the same keys of pooled, logits, maps"):
        write(tmp_path / "f", parts, keys=("logits",))
    assert list(tmp_path.iterdir()) == []


def test_logits_must_fit_the_encoder(tmp_path, parts):
    with pytest.raises(DataError, match="8 logits a sample, but the encoder learnt 7 classes"):
        write(tmp_path / "f", parts, encoder=record(classes=SPLIT.seen[1:]))


def test_other_inputs_are_noticed(tmp_path, parts):
    write(tmp_path / "f", parts)
    with pytest.raises(ArtefactError, match="made from another encoder"):
        FeatureSet.load(tmp_path / "f", expected={**INPUTS, "encoder": "c"})


def edit_index(folder, old, new):
    text = (folder / "index.csv").read_text()
    assert old in text
    (folder / "index.csv").write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"sample, 2",2,train', '"sample, 2",x,train', "index.csv, line 4"),
        ('"sample, 2",2,train', '"sample, 2",2,trian', r"unknown part 'trian' .*Did you mean 'train'\?"),
        ('"sample, 2",2,train', "2,train", "a row is sample, label, part, subject, camera"),
        ("label", "lable", "the columns must be"),
        ('"sample, 39",9,test,3,-1\n', "", r"must be float32 \[39, \.\.\.\], got float32 \[40, "),
    ],
)
def test_bad_index(tmp_path, parts, old, new, message):
    write(tmp_path / "f", parts, keys=("pooled",))
    edit_index(tmp_path / "f", old, new)
    reseal(tmp_path / "f")
    with pytest.raises((DataError, ArtefactError), match=message):
        FeatureSet.load(tmp_path / "f")


class Bomb:
    """Unpickling it is an error of the test."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def save_objects(path):
    with open(path, "wb") as stream:
        np.save(stream, np.array([Bomb()], dtype=object), allow_pickle=True)


def save_pickle(path):
    path.write_bytes(pickle.dumps(Bomb()))


@pytest.mark.parametrize("save", [save_objects, save_pickle])
def test_pickles_are_never_loaded(tmp_path, parts, save):
    write(tmp_path / "f", parts)
    for name in ("maps.npy", "features.safetensors"):
        whole = (tmp_path / "f" / name).read_bytes()
        save(tmp_path / "f" / name)
        reseal(tmp_path / "f")
        with pytest.raises(ArtefactError, match=rf"contains pickled objects, which are never loaded .*{name}"):
            FeatureSet.load(tmp_path / "f")
        (tmp_path / "f" / name).write_bytes(whole)
    save(tmp_path / "a.npy")
    with pytest.raises(ArtefactError, match="contains pickled objects"):
        load_array(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["features.safetensors", "maps.npy"])
@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_truncated_files(tmp_path, parts, name, keep):
    write(tmp_path / "f", parts)
    path = tmp_path / "f" / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArtefactError, match=name):
        FeatureSet.load(tmp_path / "f")


def test_files_that_contradict_each_other(tmp_path, parts):
    folder = tmp_path / "f"
    write(folder, parts)
    np.save(folder / "maps.npy", parts.values["maps"][:-1])
    reseal(folder)
    with pytest.raises(ArtefactError, match=r"maps must be float16 \[40, T', joint, 6\], got float16 \[39, 3, 5, 6\]"):
        FeatureSet.load(folder)
    (folder / "maps.npy").unlink()
    with pytest.raises(ArtefactError, match=r"'maps\.npy' of this FeatureSet is missing"):
        FeatureSet.load(folder)
    np.save(folder / "maps.npy", parts.values["maps"])
    save_file({"pooled": parts.values["pooled"].astype(np.float64)}, folder / "features.safetensors")
    reseal(folder)
    with pytest.raises(DataError, match=r"'pooled' must be float32 \[40, \.\.\.\], got float64"):
        FeatureSet.load(folder)
    save_file({"logits": parts.values["logits"]}, folder / "features.safetensors")
    reseal(folder)
    with pytest.raises(ArtefactError, match="no tensor 'pooled'"):
        FeatureSet.load(folder)
    meta = read_json(folder / "meta.json")
    meta["encoder"]["clases"] = meta["encoder"].pop("classes")
    write_json(folder / "meta.json", meta)
    save_file({"pooled": parts.values["pooled"]}, folder / "features.safetensors")
    reseal(folder)
    with pytest.raises(ArtefactError, match=r"unknown key 'clases' .*Did you mean 'classes'\?"):
        FeatureSet.load(folder)


# The leak guard.


@given(labels=st.lists(st.integers(0, 59), max_size=30), seed=st.integers(0, 9))
def test_training_labels_pass_exactly_if_all_are_seen(labels, seed):
    fold = pseudo_unseen_folds(load_split("ntu60", "48/12"), seed)[0]
    for split in (fold, load_split("ntu60", "48/12")):
        if set(labels) <= set(split.seen):
            check_training_labels(labels, split)
        else:
            with pytest.raises(LeakageError):
                check_training_labels(np.array(labels), split)


def test_leaked_labels_are_named():
    split = load_split("ntu60", "55/5")
    with pytest.raises(LeakageError, match=r"unseen classes of ntu60 '55/5' .*: 10 \('reading'\), 26 \('jump up'\)"):
        check_training_labels([26, 10, 0], split)
    fold = pseudo_unseen_folds(split)[0]
    with pytest.raises(LeakageError, match=r"excluded classes of ntu60 '55/5 fold1' .*: 10 \('reading'\)"):
        check_training_labels([10], fold)
    with pytest.raises(DataError, match=r"label 60 occurs, but ntu60 has classes 0\.\.59"):
        check_training_labels([60], split)
    with pytest.raises(DataError, match="whole numbers, got float64"):
        check_training_labels(np.array([1.0]), split)


def test_encoder_of_seen_classes_passes():
    assert str(check_encoder(record(), SPLIT)) == "seen-only"
    assert check_encoder(record(classes=SPLIT.seen[:3]), SPLIT).name == "seen-only"


def test_leaking_encoder_is_refused_or_marked(tmp_path, parts):
    leaky = record(classes=(*SPLIT.seen, SPLIT.unseen[0]))
    features = write(tmp_path / "f", parts, encoder=leaky, keys=("pooled",))
    with pytest.raises(
        LeakageError, match=r"encoder was trained on 1 \('pick up with two hands'\) of nw_ucla"
    ) as caught:
        features.guard(SPLIT)
    assert caught.value.kind == "leak"
    assert features.guard(SPLIT, allow_encoder_leak=True).name == "leak"


def test_unknown_training_is_refused_or_marked():
    for unknown in (record(classes=None), record(dataset="", classes=(0,))):
        with pytest.raises(LeakageError, match="it is not known which classes") as caught:
            check_encoder(unknown, SPLIT)
        assert caught.value.kind == "unknown"
        assert pickle.loads(pickle.dumps(caught.value)).kind == "unknown"  # as it comes back from other processes
        assert check_encoder(unknown, SPLIT, allow_encoder_leak=True).name == "unknown"


def test_fold_needs_its_own_encoder():
    fold = pseudo_unseen_folds(SPLIT)[0]
    assert check_encoder(record(classes=fold.seen), fold).name == "seen-only"
    with pytest.raises(LeakageError):
        check_encoder(record(classes=SPLIT.seen), fold)  # it has seen the pseudo-unseen classes
    with pytest.raises(LeakageError):
        check_encoder(record(classes=(*fold.seen, *SPLIT.unseen)), fold)


def test_ntu60_and_ntu120_share_their_ids():
    small, large = load_split("ntu60", "55/5"), load_split("ntu120", "110/10")
    with pytest.raises(LeakageError, match=r"4 \('drop'\)"):
        check_encoder(record("ntu60", small.seen), large)
    assert check_encoder(record("ntu120", range_without(120, small.unseen)), small).name == "seen-only"
    with pytest.raises(LeakageError, match=r"10 \('reading'\)"):
        check_encoder(record("ntu120", large.seen), small)


def range_without(count, gone):
    return tuple(i for i in range(count) if i not in gone)


def test_encoder_of_another_data_set_is_marked_with_the_overlap():
    ntu = record("ntu60", tuple(range(60)))
    mark = check_encoder(ntu, load_split("nw_ucla", "5/5"))
    assert (mark.name, mark.overlap, mark.unseen_overlap) == ("cross-dataset", ("throw",), ("throw",))
    puppet = check_encoder(ntu, load_split("puppet", "23/5"))
    assert puppet.overlap == class_names("puppet")
    assert len(puppet.unseen_overlap) == 5
    assert check_encoder(record("ntu60", (0, 1)), load_split("nw_ucla", "8/2")).overlap == ()
    assert check_encoder(record("ntu60", None), load_split("utd_mhad", "22/5")).overlap == ("Throw",)


def test_overlap_ignores_case_hyphens_and_notes():
    mark = check_encoder(record("mine", (0, 1), ("sit-down", "THROW (overarm)")), load_split("nw_ucla", "8/2"))
    assert mark.overlap == ("sit down", "throw")
    assert mark.unseen_overlap == ("sit down",)


def test_split_of_an_unknown_data_set_is_guarded_too():
    split = ClassSplit("mine", "3/2", 5, (3, 4))
    assert check_encoder(record("mine", (0, 1, 2)), split).name == "seen-only"
    with pytest.raises(LeakageError, match="trained on 3 of mine"):
        check_encoder(record("mine", (0, 3)), split)
    with pytest.raises(LeakageError, match="among the training samples: 4"):
        check_training_labels([0, 4], split)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": "1.0"}, "'width' must not be '1.0'"),
        ({"classes": [1.5]}, "'classes' must be whole numbers"),
        ({"classes": 3}, "'classes' must not be 3"),
        ({"name": None}, "'name' must not be None"),
        ({"class_names": ["a"], "classes": [1, 2]}, "1 class names for 2 classes"),
    ],
)
def test_bad_encoder_record(change, message):
    values = record().to_dict()
    assert EncoderRecord.from_dict(values) == record()
    with pytest.raises(ArtefactError, match=message):
        EncoderRecord.from_dict({**values, **change})
