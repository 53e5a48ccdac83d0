"""``zsar features``: every split, four streams, maps, only what is missing; alone and under torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from zsar_kit.cli import main
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import STREAMS, SkeletonSequence
from zsar_kit.data.splits import class_names, load_split, split_names
from zsar_kit.encoders.inputs import encoder_clips, ready_sequence
from zsar_kit.encoders.presets import encoder_presets
from zsar_kit.encoders.pretrain import load_encoder, pretrain
from zsar_kit.encoders.protocol import InputProtocol
from zsar_kit.errors import ConfigError
from zsar_kit.experiments.pipeline.features import EncoderSource, features_for
from zsar_kit.experiments.pipeline.partitions import main_partition
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.inputs import build_fold_data, build_test_data
from zsar_kit.experiments.studies.encoder_choice import Changes, chosen_encoder, encoder_of_run
from zsar_kit.experiments.studies.suite import fallback_encoder

ROOT = Path(__file__).resolve().parents[2]
SUITE = """
title = "tiny"
cases = []
methods = []
[encoders.nw_ucla]
width = 0.0625
frames = 8
persons = 1
epochs = 1
batch = 16
"""


def write_skeletons(path: Path) -> None:
    """A stand-in for NW-UCLA: as many classes, noise for motion."""
    rng = np.random.default_rng(0)
    names = class_names("nw_ucla")

    def sequences():
        for i in range(len(names) * 9):
            joints = rng.normal(scale=0.3, size=(1, 12, 25, 3)).astype(np.float32)
            label, repeat = i % len(names), i // len(names)
            yield SkeletonSequence(f"s{i}", joints, label, subject=repeat % 3, camera=1 + repeat % 3)

    SkeletonSet.write(
        path, sequences(), dataset="nw_ucla", layout="ntu25", class_names=names, inputs={"generator": "test"}
    )


@pytest.fixture
def place(tmp_path):
    write_skeletons(tmp_path / "w" / "skeletons" / "nw-ucla")
    (tmp_path / "tiny.toml").write_text(SUITE, encoding="utf-8")
    return ["--suite", str(tmp_path / "tiny.toml"), "--workspace", str(tmp_path / "w"), "--quiet", "--device", "cpu"]


def made(workspace: Path) -> dict[str, float]:
    """Folders of encoders and features, and when they were finished."""
    found = [*workspace.glob("encoders/*/*/provenance.json"), *workspace.glob("features/*/*/provenance.json")]
    return {str(path.parent.relative_to(workspace)): path.stat().st_mtime_ns for path in found}


def test_every_split_four_streams_and_only_what_is_missing(tmp_path, place, capsys):
    workspace = tmp_path / "w"
    splits = split_names("nw_ucla")
    assert main(["features", "nw_ucla", splits[0], "--no-folds", *place]) == 0
    joint = made(workspace)
    assert len(joint) == 2
    assert main(["features", "nw_ucla", "all", "--stream", "4s", "--no-folds", *place]) == 0
    shown = capsys.readouterr().out
    for name in splits:
        assert name in shown
    assert "bone_motion" in shown
    four = made(workspace)
    assert len(four) == len(splits) * 2 * 5  # encoder and features of each stream and of their fusion
    assert joint.items() <= four.items()  # what was there was not made again
    assert main(["features", "nw_ucla", "all", "--stream", "4s", "--no-folds", *place]) == 0
    assert made(workspace) == four
    for path in workspace.glob("features/*/*"):
        assert not FeatureSet.load(path).has_maps
    assert main(["features", "nw_ucla", splits[0], "--maps", "--no-folds", *place]) == 0
    again = made(workspace)
    changed = [name for name, time in again.items() if four[name] != time]
    assert len(changed) == 1
    assert FeatureSet.load(workspace / changed[0]).has_maps


def test_runs_take_fused_features_and_their_encoder(tmp_path, place):
    """A run that asks for four streams reads them; a later clip goes through the same encoder."""
    workspace = Workspace(tmp_path / "w", progress=False)
    encoder = chosen_encoder(workspace, "nw_ucla", str(tmp_path / "tiny.toml"), changes=Changes("4s"))
    config = RunConfig(dataset="nw_ucla", split="5/5", method="ridge", preset="motion", encoder=encoder)
    data = build_test_data(config.resolve(), workspace)
    assert data.features.encoder.stream == "joint+bone+motion+bone_motion"
    assert data.encoder_mark == "seen-only"
    trained = load_encoder(workspace.root / data.encoder_folder)
    assert trained.record == data.features.encoder
    skeletons = prepare_skeletons(workspace, "nw_ucla")
    plan = config.resolve()
    partition = main_partition(skeletons, plan.split, plan.protocol)
    parts = [
        features_for(workspace, skeletons, partition, plan.protocol, EncoderSource(part)).feature_sets[0]
        for part in encoder.single_streams()
    ]
    np.testing.assert_allclose(data.features.pooled, np.mean([p.pooled for p in parts], axis=0), rtol=1e-5)
    ready = ready_sequence(skeletons.sequence(7).joints, skeletons.layout, trained.protocol)
    with torch.no_grad():
        feature = trained.model(torch.from_numpy(encoder_clips([ready], trained.config))).pooled[0]
    np.testing.assert_allclose(feature, data.features.pooled[7], rtol=1e-3, atol=1e-5)


def test_folds_share_the_two_encoders_that_have_not_seen_their_classes(tmp_path, place):
    workspace = Workspace(tmp_path / "w", progress=False)
    encoder = chosen_encoder(workspace, "nw_ucla", str(tmp_path / "tiny.toml"))
    config = RunConfig(dataset="nw_ucla", split="8/2", method="ridge", preset="motion", encoder=encoder)
    main_data, folds = build_fold_data(config.resolve(), workspace)
    unseen, labels = set(main_data.partition.split.unseen), main_data.features.labels
    assert len({data.partition.split.unseen for data in folds}) == len(folds) == 8
    assert [data.group for data in folds] == [0, 1] * 4
    for data in folds:
        first = folds[data.group]
        assert data.features is first.features  # extracted once an encoder
        assert data.encoder_folder == first.encoder_folder
        assert data.encoder_mark == "seen-only"
        assert set(data.features.encoder.classes or ()) == set(data.partition.split.seen)
        assert not unseen & set(labels[data.training_rows()])
        assert np.array_equal(data.training_rows(), first.training_rows())
    assert len({data.encoder_folder for data in (main_data, *folds)}) == 3
    assert len(list(workspace.root.glob("encoders/nw-ucla/*/provenance.json"))) == 3
    few = build_fold_data(replace(config, folds=2).resolve(), workspace)[1]
    assert [data.partition.split for data in few] == [data.partition.split for data in folds[:2]]
    assert replace(config, folds=2).digest() != config.digest()
    with pytest.raises(ConfigError, match="'folds' must be 1 to 8, got 9"):
        replace(config, folds=9)
    # What `zsar features` trains is what a run looks up.
    before = made(workspace.root)
    assert main(["features", "nw_ucla", "8/2", *place]) == 0
    assert made(workspace.root) == before


def test_an_encoder_has_not_seen_a_class_that_it_had_no_sample_of(tmp_path, place):
    skeletons = SkeletonSet.load(tmp_path / "w" / "skeletons" / "nw-ucla")
    split = load_split("nw_ucla", "8/2")
    kept = split.seen[1:]
    config = chosen_encoder(Workspace(tmp_path / "w", progress=False), "nw_ucla", str(tmp_path / "tiny.toml"))
    samples = np.isin(skeletons.index.label, kept)
    record = pretrain(skeletons, samples, split, config, tmp_path / "encoder", progress=False).record
    assert record.classes == kept
    assert record.class_names == tuple(class_names("nw_ucla")[c] for c in kept)


def test_a_preset_takes_the_number_of_persons_from_the_data(tmp_path, place):
    workspace = Workspace(tmp_path / "w", progress=False)
    config = chosen_encoder(workspace, "nw_ucla", "real", "st_gcn_smie", Changes("bone", "hip"))
    assert (config.persons, config.architecture, config.stream, config.frames) == (1, "st_gcn", "bone", 50)
    assert (config.centring, config.turn) == ("hip", "none")
    for frames in (32, 64, 96):
        settings = chosen_encoder(workspace, "nw_ucla", "real", changes=Changes(frames=frames, centring="each_frame"))
        assert settings.protocol == InputProtocol("each_frame", frames=frames, persons=1)
    assert chosen_encoder(workspace, "nw_ucla", str(tmp_path / "tiny.toml")).epochs == 1
    with pytest.raises(ConfigError, match="Did you mean 'neuron'"):
        chosen_encoder(workspace, "nw_ucla", "real", "neurone")


def test_a_released_encoder_and_imported_features_leave_no_choice_of_input(tmp_path, place):
    workspace = Workspace(tmp_path / "w", progress=False)
    for changes in (Changes(centring="hip"), Changes(frames=32)):
        with pytest.raises(ConfigError, match=r"a released one brings the input it was trained on.*or --encoder-from"):
            encoder_of_run(workspace, "nw_ucla", "", "", changes, encoder_from="model.pt")
        with pytest.raises(ConfigError, match=r"imported features trains none.*or --features-from"):
            encoder_of_run(workspace, "nw_ucla", "", "", changes, features_from="imported")
    assert encoder_of_run(workspace, "nw_ucla", "", "", Changes("bone"), encoder_from="model.pt").stream == "bone"
    assert encoder_of_run(workspace, "nw_ucla", "", "", Changes(), primitives_alone=True).epochs == 30
    assert encoder_of_run(workspace, "ntu60", "", "", Changes(), primitives_alone=True) == fallback_encoder("ntu60")
    with pytest.raises(ConfigError, match=r"--frames 64 .* kinematic primitives alone .* --features both"):
        encoder_of_run(workspace, "nw_ucla", "", "", Changes(frames=64), primitives_alone=True)


def test_the_input_of_a_command_is_that_of_its_encoder(tmp_path, place):
    assert main(["features", "nw_ucla", "5/5", "--centring", "each_frame", "--frames", "12", "--no-folds", *place]) == 0
    (folder,) = (tmp_path / "w" / "encoders" / "nw-ucla").iterdir()
    assert load_encoder(folder).protocol == InputProtocol("each_frame", frames=12, persons=1)


def test_bad_input_is_one_line(tmp_path, place, capsys, monkeypatch):
    assert main(["features", "nw_ucla", "5/5", "--encoder", "flroa", *place]) == 2
    assert "Did you mean 'flora'?" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["train", "nw_ucla", "5/5", "--workspace", str(tmp_path / "w")]) == 2
    assert "only `features` shares its work among processes" in capsys.readouterr().err


@pytest.mark.slow
def test_torchrun_shares_the_command(tmp_path, place):
    arguments = ["features", "nw_ucla", "5/5", "--stream", "4s", "--no-folds"]
    assert main([*arguments, *place]) == 0
    alone = made(tmp_path / "w")
    write_skeletons(tmp_path / "shared" / "skeletons" / "nw-ucla")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "zsar_kit"]
    other = [str(tmp_path / "shared") if a == str(tmp_path / "w") else a for a in place]
    done = subprocess.run(
        [*command, *arguments, *other],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("bone_motion") == 1  # one process answers
    assert made(tmp_path / "shared").keys() == alone.keys()
    for name in alone:
        if name.startswith("features"):
            one, two = (FeatureSet.load(tmp_path / root / name) for root in ("w", "shared"))
            assert (one.samples == two.samples).all()
            np.testing.assert_allclose(two.pooled, one.pooled, rtol=0.05, atol=0.01)
    assert not list((tmp_path / "shared").rglob("*.partial"))


def test_help_and_the_page_on_encoders_name_every_preset_and_stream(capsys):
    with pytest.raises(SystemExit):
        main(["features", "--help"])
    shown, page = capsys.readouterr().out, (ROOT / "docs/encoders.md").read_text(encoding="utf-8")
    for name in encoder_presets():
        assert name in shown
        assert f"| `{name}`" in page
    for stream in (*STREAMS, "4s"):
        assert stream in shown
        assert f"`{stream}`" in page
