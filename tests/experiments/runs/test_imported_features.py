"""Runs on given features: the same features give the same scores, and what is not known stands beside the numbers."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from zsar_kit.cli import main
from zsar_kit.cli.answers.runs import evaluate_run
from zsar_kit.cli.answers.tables import show_runs
from zsar_kit.data.feature_set import EncoderRecord, FeatureSet
from zsar_kit.data.importers.features import export_features, import_features
from zsar_kit.data.splits import class_names, load_split
from zsar_kit.errors import ArtefactError, ConfigError, DataError, LeakageError, SplitError
from zsar_kit.experiments.pipeline.imported_features import ImportedFeatures, open_imported_features
from zsar_kit.experiments.pipeline.partitions import in_turn
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.inputs import build_fold_data
from zsar_kit.experiments.runs.pack import export_run, import_run
from zsar_kit.experiments.runs.recogniser import Recogniser
from zsar_kit.experiments.runs.run import run
from zsar_kit.experiments.studies.suite import Suite

SPLIT = load_split("puppet", "23/5")
RIDGE = {"method": "ridge", "preset": "motion"}
FIXED = {**RIDGE, "overrides": {"penalty": 0.1, "centred": False}}
FEATURES = ["import", "flora", "x", "--dataset", "puppet", "--split", "23/5", "--out", "o"]
TRAIN = ["train", "ntu60", "55/5", "--features-from", "x"]
SKELETONS = ["import", "ctrgcn", "x", "--dataset", "ntu60", "--protocol", "xsub"]
CLASSES, EACH, WIDTH, TRAINING = 28, 12, 16, 8


def write_original(folder: Path, *, seed: int = 0) -> FeatureSet:
    """A feature set as the kit extracts it: a cluster a class, a subject a column, seen classes of the encoder."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(CLASSES), EACH)
    subjects = np.repeat(np.arange(EACH), CLASSES)
    return FeatureSet.write(
        folder,
        chunks=[{"pooled": rng.normal(size=(CLASSES, WIDTH))[labels] + rng.normal(size=(len(labels), WIDTH))}],
        skeleton_index=SimpleNamespace(
            sample=np.array([f"s{i}" for i in range(len(labels))]),
            label=labels,
            subject=subjects,
            camera=np.full(len(labels), -1),
        ),
        train=subjects < TRAINING,
        dataset="puppet",
        class_names=class_names("puppet"),
        encoder=EncoderRecord("shift_gcn", "abc", "joint", 0.25, "puppet", SPLIT.seen),
        inputs={"skeletons": "a", "encoder": "b"},
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The original features, the same through each of the formats, and a workspace without skeletons."""
    root = tmp_path_factory.mktemp("given")
    original = write_original(root / "original")
    for form in ("synse", "flora", "smie"):
        export_features(original, form, SPLIT, root / f"{form}_files")
        import_features(root / f"{form}_files", form, SPLIT, root / form)
    import_features(root / "synse_files", "synse", SPLIT, root / "declared", encoder_classes="seen")
    return SimpleNamespace(root=root, workspace=Workspace(root / "workspace", progress=False))


def imported(config: RunConfig) -> ImportedFeatures:
    return open_imported_features(
        config.features_from,
        config.resolve().split,
        folds_seed=config.folds_seed,
        allow_encoder_leak=config.allow_encoder_leak,
    )


def config(place: SimpleNamespace, name: str, **changes) -> RunConfig:
    values = {"features_from": str(place.root / name), "allow_encoder_leak": True} | FIXED | changes
    return RunConfig(**values)


@pytest.mark.offline_lm
def test_the_same_features_give_the_same_scores(place):
    original = run(config(place, "original"), place.workspace)
    for name in ("synse", "flora", "declared"):
        again = run(config(place, name), place.workspace)
        assert (again.path / "model.safetensors").read_bytes() == (original.path / "model.safetensors").read_bytes()
        scores, theirs = original.scores(), again.scores()
        assert np.array_equal(scores.heads["cosine"], theirs.heads["cosine"])
        assert scores.classes == theirs.classes
        labels = [folder.test_samples()[0] for folder in (original, again)]
        assert np.array_equal(*labels)
        mine, other = original.result().evaluation, again.result().evaluation
        assert mine.micro.zsl == other.micro.zsl
        assert mine.micro.ausuc == other.micro.ausuc
        assert (mine.n_subjects, other.n_subjects) == (EACH - TRAINING, 1)
        assert other.zsl_interval is None


@pytest.mark.offline_lm
def test_two_formats_of_the_same_features_are_one_run(place):
    """With what the folds choose: penalty and gamma."""
    one, other = (run(config(place, name, **RIDGE, overrides={}), place.workspace) for name in ("synse", "flora"))
    assert one.path != other.path
    for name in ("model.safetensors", "scores.safetensors", "folds/scores-0.safetensors", "folds/folds.json"):
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes()
    assert one.result().evaluation.to_dict() == other.result().evaluation.to_dict()


@pytest.mark.offline_lm
def test_marks_stand_in_the_result_and_in_the_table(place):
    marks = {
        "original": ("seen-only", "pseudo_unseen, encoder has seen them"),
        "synse": ("unknown, imported", "pseudo_unseen, encoder may have seen them"),
        "declared": ("seen-only as declared, imported", "pseudo_unseen, encoder has seen them"),
        "smie": ("unknown, imported, S of held-out training samples", "pseudo_unseen, encoder may have seen them"),
    }
    for name, (mark, calibration) in marks.items():
        folder = run(config(place, name, overrides={}), place.workspace)
        result = folder.result()
        assert (result.encoder_mark, result.calibration) == (mark, calibration)
        assert result.selection == calibration  # the folds chose the penalty too
        assert result.protocol == "as given"
        table = show_runs([folder.path], None)
        caveat = calibration.partition(", ")[2]
        assert f"Encoder: {mark}. Gamma: pseudo-unseen classes of the train part ({caveat})." in table
        assert f"| ridge (motion) on {place.root / name} " in table


@pytest.mark.offline_lm
def test_runs_on_different_features_share_no_row(place):
    folders = [run(config(place, name), place.workspace).path for name in ("synse", "smie")]
    table = show_runs(folders, None)
    assert f"on {place.root / 'synse'} " in table
    assert f"on {place.root / 'smie'} " in table


def test_an_unknown_encoder_is_refused_unless_allowed(place):
    with pytest.raises(LeakageError, match=r"is not known.*--encoder-classes seen.*--allow-encoder-leak.*as unknown"):
        imported(config(place, "synse", allow_encoder_leak=False))
    assert imported(config(place, "declared", allow_encoder_leak=False)).mark.startswith("seen-only")


@pytest.mark.parametrize("name", ["original", "synse", "smie"])
def test_folds_take_nothing_of_unseen_classes_or_of_the_test_part(place, name):
    found = imported(config(place, name))
    labels, unseen = found.features.labels, set(SPLIT.unseen)
    assert not unseen & set(labels[found.main.train])
    assert not (found.main.train & found.main.test).any()
    assert set(labels[found.main.test]) == set(SPLIT.candidates)
    assert set(labels[found.main.train]) == set(SPLIT.seen)
    if name != "smie":
        assert np.array_equal(found.main.test, ~found.features.train)
    for _, fold in in_turn(found.groups):
        assert not (fold.train & fold.test).any()
        assert not ((fold.train | fold.test) & found.main.test).any()
        assert set(labels[fold.train]) == set(fold.split.seen)
        assert set(labels[fold.test]) == set(fold.split.seen) | set(fold.split.unseen)
    again = imported(config(place, name))
    pairs = zip(in_turn(found.groups), in_turn(again.groups), strict=True)
    assert all(np.array_equal(a.train, b.train) for (_, a), (_, b) in pairs)
    if name == "original":  # people are held out where they are known
        subjects, fold = found.features.subjects, found.groups[0].folds[0]
        seen = fold.test & np.isin(labels, fold.split.seen)
        assert not set(subjects[seen]) & set(subjects[fold.train])


def test_seen_test_samples_that_nobody_published_are_a_quarter_of_the_training_ones(place):
    found = imported(config(place, "smie"))
    held = found.main.test & found.features.train
    assert np.bincount(found.features.labels[held], minlength=CLASSES)[list(SPLIT.seen)].tolist() == [2] * 23


def test_the_digest_is_of_the_content(place, tmp_path):
    shutil.copytree(place.root / "synse", tmp_path / "moved")
    write_original(tmp_path / "other", seed=1)
    here = config(place, "synse")
    assert config(place, "synse", features_from=str(tmp_path / "moved")).digest() == here.digest()
    assert config(place, "synse", features_from=str(tmp_path / "other")).digest() != here.digest()
    assert config(place, "declared").digest() != here.digest()  # another mark on the same numbers
    assert config(place, "synse", encoder={"seed": 5}).digest() == here.digest()  # no encoder is trained
    assert config(place, "synse", seed=1).digest() != here.digest()
    with pytest.raises(ArtefactError, match="no FeatureSet here"):
        config(place, "synse_files").digest()


def test_digests_of_runs_on_skeletons_are_as_before():
    """Runs made before features could be given are found again."""
    content = RunConfig().identity()
    assert "features_from" not in content
    assert "allow_encoder_leak" not in content


def test_what_does_not_fit_is_refused(place, tmp_path):
    with pytest.raises(SplitError, match="imported for '23/5', but the run uses '18/10'"):
        build_fold_data(config(place, "synse", split="18/10").resolve(), place.workspace)
    with pytest.raises(SplitError, match="the split is for nw_ucla"):
        build_fold_data(config(place, "original", dataset="nw_ucla", split="8/2").resolve(), place.workspace)
    with pytest.raises(ConfigError, match="learns from un-pooled maps, but imported features are pooled"):
        build_fold_data(
            config(place, "synse", method="skeleton_context", preset="cpu", overrides={}).resolve(), place.workspace
        )
    with pytest.raises(ConfigError, match="'protocol' must be empty with imported features"):
        config(place, "synse", protocol="xsub")
    with pytest.raises(ConfigError, match="'encoder_from' must be empty with imported features"):
        config(place, "synse", encoder_from="x.pt")
    # the encoder of the 23 seen classes has seen unseen classes of another split
    with pytest.raises(LeakageError, match=r"was trained on .*as leak"):
        build_fold_data(config(place, "original", split="18/10", allow_encoder_leak=False).resolve(), place.workspace)
    assert (
        build_fold_data(config(place, "original", split="18/10").resolve(), place.workspace)[0].encoder_mark == "leak"
    )


def test_a_class_without_samples_is_refused(place, tmp_path):
    features = FeatureSet.load(place.root / "original")
    kept = features.labels != SPLIT.unseen[0]
    index = SimpleNamespace(
        sample=features.samples[kept],
        label=features.labels[kept],
        subject=features.subjects[kept],
        camera=features.cameras[kept],
    )
    FeatureSet.write(
        tmp_path / "less",
        chunks=[{"pooled": features.pooled[kept]}],
        skeleton_index=index,
        train=features.train[kept],
        dataset="puppet",
        class_names=features.class_names,
        encoder=features.encoder,
        inputs={},
    )
    with pytest.raises(DataError, match=rf"unseen class {SPLIT.unseen[0]} .* has no sample in the test part"):
        imported(config(place, "original", features_from=str(tmp_path / "less")))


@pytest.mark.offline_lm
def test_features_that_changed_after_the_run_are_noticed(place, tmp_path):
    write_original(tmp_path / "mine", seed=2)
    folder = run(config(place, "mine", features_from=str(tmp_path / "mine")), place.workspace)
    assert "%" not in evaluate_run(folder.path, 0.1, place.workspace)
    write_original(tmp_path / "mine", seed=1)
    with pytest.raises(ArtefactError, match="not the features that the run was made with"):
        evaluate_run(folder.path, None, place.workspace)


@pytest.mark.offline_lm
def test_such_a_run_can_be_packed_and_can_read_no_clip(place, tmp_path):
    folder = run(config(place, "synse"), place.workspace)
    export_run(folder.path, place.workspace, tmp_path / "run.zip")
    elsewhere = Workspace(tmp_path / "elsewhere", progress=False)
    again = import_run(tmp_path / "run.zip", elsewhere)
    assert again.method().state_dict().keys() == folder.method().state_dict().keys()
    with pytest.raises(ArtefactError, match="used imported features, so it has no encoder to read clips with"):
        Recogniser.load(again.path, elsewhere)


@pytest.mark.offline_lm
def test_from_the_command_line(place, tmp_path, capsys):
    workspace = ["--workspace", str(place.workspace.root), "--quiet"]
    theirs, ours = str(tmp_path / "theirs.npz"), str(tmp_path / "ours")
    assert main(["export", "flora", str(place.root / "original"), theirs, "--split", "23/5"]) == 0
    command = ["import", "flora", theirs, "--dataset", "puppet", "--split", "23/5", "--out", ours]
    assert main([*command, *workspace]) == 0
    shown = capsys.readouterr().out
    assert "296 x 16 features of puppet '23/5' written to" in shown  # unseen classes of the train part are left out
    assert "unknown which classes their encoder was trained on" in shown
    ridge = ["--method", "ridge", "--preset", "motion", "--set", "penalty=0.1"]
    train = ["train", "puppet", "23/5", *ridge]
    assert main([*train, "--features-from", ours, *workspace]) == 2
    assert "--allow-encoder-leak" in capsys.readouterr().err
    assert main([*train, "--features-from", ours, "--allow-encoder-leak", *workspace]) == 0
    assert "Encoder: unknown, imported." in capsys.readouterr().out
    ids = ",".join(map(str, SPLIT.seen))
    command[-1] = str(tmp_path / "declared")
    assert main([*command, "--encoder-classes", ids, *workspace]) == 0
    assert "declared: their encoder was trained on 23 of 28 classes" in capsys.readouterr().out
    assert FeatureSet.load(tmp_path / "declared").encoder.classes == SPLIT.seen


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["import", "flroa", "x", "--dataset", "puppet"], "Did you mean 'flora'"),
        (["import", "flora", "x", "--dataset", "puppet", "--out", "o"], "the format 'flora' needs --split"),
        (["import", "flora", "x", "--dataset", "puppet", "--split", "23/5"], "the format 'flora' needs --out"),
        (["import", "ctrgcn", "x", "--dataset", "ntu60"], "the format 'ctrgcn' needs --protocol"),
        ([*SKELETONS[:-1], "xsubject"], "ntu60 has no protocol 'xsubject'. Did you mean 'xsub'?"),
        (["import", "ctrgcn", "x", "--dataset", "ntu60", "--protocol", "xsub"], "the file does not exist"),
        ([*TRAIN, "--suite", "real"], "--suite real says how to train an encoder"),
        ([*TRAIN, "--encoder", "cpu"], "--encoder cpu says how to train an encoder"),
        ([*TRAIN, "--stream", "bone"], "--stream bone says how to train an encoder"),
        (
            [*FEATURES, "--protocol", "xsub"],
            "--protocol xsub is an option for skeletons, but 'flora' is a format of feat",
        ),
        (
            [*SKELETONS, "--split", "55/5"],
            "--split 55/5 is an option for features, but 'ctrgcn' is a format of skeletons",
        ),
        ([*SKELETONS, "--test", "zsl"], "--test zsl is an option for features"),
        ([*SKELETONS, "--encoder", "x"], "--encoder x is an option for features"),
        ([*SKELETONS, "--encoder-classes", "seen"], "--encoder-classes seen is an option for features"),
        (["export", "flora", "no-such-folder", "o"], "is made from a FeatureSet, but the folder holds no artefact"),
    ],
)
def test_bad_commands_say_what_to_do(command, message, capsys, tmp_path):
    options = ["--workspace", str(tmp_path / "w")] if command[0] != "export" else []
    assert main([*command, *options]) == 2
    assert message in capsys.readouterr().err


def test_validation_features_from_the_command_line(tmp_path, capsys):
    rng = np.random.default_rng(0)
    (tmp_path / "theirs").mkdir()
    pseudo = (16, 21, 25, 31, 48)  # SynSE's validation classes of NTU RGB+D 60, 55/5
    seen = [c for c in range(60) if c not in (10, 11, 19, 26, 56, *pseudo)]
    for data, label, classes in (
        ("train", "train_label", seen),
        ("ztest", "z_label", pseudo),
        ("val", "val_label", seen),
    ):
        np.save(tmp_path / "theirs" / f"{data}.npy", rng.normal(size=(len(classes), 4)))
        np.save(tmp_path / "theirs" / f"{label}.npy", np.array(classes))
    ours, again = str(tmp_path / "ours"), str(tmp_path / "again")
    theirs = str(tmp_path / "theirs")
    assert main(["import", "synse", theirs, "--dataset", "ntu60", "--split", "55/5", "--out", ours]) == 0
    assert "(validation features)" in capsys.readouterr().out
    assert main(["export", "synse", ours, again, "--split", "55/5"]) == 0
    names = sorted(p.name for p in Path(again).iterdir())
    assert names == sorted(p.name for p in (tmp_path / "theirs").iterdir())
    with pytest.raises(SplitError, match="imported for '55/5 gating', but the run uses '55/5'"):
        imported(RunConfig(dataset="ntu60", split="55/5", features_from=ours, allow_encoder_leak=True))


def test_skeletons_from_the_command_line(tmp_path, capsys):
    rng, one_hot = np.random.default_rng(0), np.eye(60)
    x = rng.normal(size=(2, 300, 150)).astype(np.float32)
    np.savez(tmp_path / "NTU60_CS.npz", x_train=x, y_train=one_hot[:2], x_test=x, y_test=one_hot[:2])
    workspace = ["--workspace", str(tmp_path / "w")]
    source, out = str(tmp_path / "w" / "skeletons" / "ntu60"), tmp_path / "again.npz"
    file = str(tmp_path / "NTU60_CS.npz")
    assert main(["import", "ctrgcn", file, "--dataset", "ntu60", "--protocol", "xsub", *workspace]) == 0
    assert "4 sequences of ntu60 written to" in capsys.readouterr().out
    assert main(["data", "show", "ntu60", *workspace]) == 0
    assert main(["export", "ctrgcn", source, str(out), "--protocol", "xsub"]) == 0
    with np.load(out, allow_pickle=False) as again:
        assert np.array_equal(again["x_test"], x)
    assert main(["export", "ctrgcn", source, str(out), "--protocol", "xsub", "--split", "55/5"]) == 2
    assert "--split 55/5 is an option for features, but 'ctrgcn' is a format of skeletons" in capsys.readouterr().err
    assert main(["export", "flora", source, str(out), "--split", "55/5"]) == 2
    assert "is made from a FeatureSet, but the folder holds a SkeletonSet" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.offline_lm
def test_puppet_through_published_files_is_puppet(puppet_workspace, tmp_path):
    """The whole route: features of a trained encoder, exported, imported and scored, give the scores of the run."""
    direct = RunConfig(**FIXED, encoder=Suite.load("demo").encoder("puppet"))
    original = run(direct, puppet_workspace)
    features = build_fold_data(direct.resolve(), puppet_workspace)[0].features
    for form in ("flora", "synse"):
        export_features(features, form, SPLIT, tmp_path / f"{form}_files")
        import_features(tmp_path / f"{form}_files", form, SPLIT, tmp_path / form, encoder_classes="seen")
        place = SimpleNamespace(root=tmp_path)
        again = run(config(place, form, allow_encoder_leak=False), Workspace(tmp_path / "workspace", progress=False))
        assert (again.path / "model.safetensors").read_bytes() == (original.path / "model.safetensors").read_bytes()
        assert np.array_equal(again.scores().heads["cosine"], original.scores().heads["cosine"])
        zsl = [RunFolder(f.path).result().evaluation.micro.zsl for f in (original, again)]
        assert zsl[0] == zsl[1]


def test_features_of_an_encoder_that_saw_unseen_classes_are_not_exported(place, tmp_path, capsys):
    """The file could not say so, and whoever imports it would not know."""
    other = str(place.root / "original")
    assert main(["export", "flora", other, str(tmp_path / "t.npz"), "--split", "18/10"]) == 2
    assert "trained on classes that puppet '18/10' counts as unseen" in capsys.readouterr().err
    assert not (tmp_path / "t.npz").exists()
