"""The record of a workspace: a changed byte is noticed wherever it is, and what was replaced makes runs stale."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from zsar_kit.artefacts import atomic_folder, write_provenance
from zsar_kit.cli import main
from zsar_kit.data.catalogue import class_names
from zsar_kit.data.feature_set import EncoderRecord, FeatureSet
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.data.splits import ClassSplit
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.pretrain import load_encoder, pretrain
from zsar_kit.errors import ZsarError
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import FoldScores, RunFolder, input_digest
from zsar_kit.experiments.runs.verification import verify
from zsar_kit.experiments.studies.sweep import is_current
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.text_encoder import LanguageRecord
from zsar_kit.semantics.text_files import load_texts

TRIALS = 60
LANGUAGE = LanguageRecord("offline", "0" * 64, "1" * 12, 8, 16, "mean")


def write_skeletons(path: Path, seed: int = 0) -> SkeletonSet:
    rng = np.random.default_rng(seed)
    clips = (
        SkeletonSequence(f"s{i}", rng.normal(size=(1, 9, 25, 3)).astype(np.float32), i % 4, subject=i % 5)
        for i in range(24)
    )
    names = ["up", "down", "left", "right"]
    return SkeletonSet.write(path, clips, dataset="toy", layout="ntu25", class_names=names, inputs={"seed": str(seed)})


def write_features(path: Path, seed: int = 0, *, maps: bool = False) -> FeatureSet:
    number = np.arange(40)
    index = SimpleNamespace(
        sample=np.array([f"s{i}" for i in number]), label=number % 10, subject=number // 10, camera=np.full(40, -1)
    )
    pooled = np.random.default_rng(seed).normal(size=(40, 6)).astype(np.float32)
    names = class_names("nw_ucla")
    return FeatureSet.write(
        path,
        chunks=[{"pooled": pooled} | ({"maps": pooled[:, None, None].astype(np.float16)} if maps else {})],
        skeleton_index=index,
        train=number < 20,
        dataset="nw_ucla",
        class_names=names,
        encoder=EncoderRecord("shift_gcn", "d" * 12, "joint", 1.0, "nw_ucla", tuple(range(8)), names[:8]),
        inputs={"skeletons": f"set {seed}", "encoder": "b"},
    )


def write_semantics(path: Path) -> None:
    texts = load_texts("nw_ucla")
    own = tuple(texts.sentences("label", c) for c in texts.ids)
    tokens = np.random.default_rng(0).normal(size=(len(own), 3, 8)).astype(np.float32)
    whole = np.ones((len(own), 3), dtype=bool)
    Semantics("nw_ucla", "label", texts.ids, texts.names, own, tokens, whole, tokens[:, 0], LANGUAGE).write(path)


def write_encoder(path: Path) -> None:
    skeletons = write_skeletons(path.with_name("skeletons-of-it"))
    config = EncoderConfig(width=0.0625, frames=4, persons=1, epochs=1, batch=8, holdout=0.25)
    seen = np.flatnonzero(skeletons.index.label != 3)
    pretrain(skeletons, seen, ClassSplit("toy", "3/1", 4, (3,)), config, path, progress=False)


@pytest.fixture
def finished_run(tmp_path, make_result):
    """A finished run of features and skeletons that lie in its workspace."""
    workspace = Workspace(tmp_path / "workspace", progress=False)
    config = RunConfig(dataset="nw_ucla", split="8/2", method="ridge", preset="motion")
    write_features(workspace.root / "features/nw-ucla/f")
    write_skeletons(workspace.skeletons_folder("nw_ucla"))
    places = ("features/nw-ucla/f", "skeletons/nw-ucla")
    inputs = {place: input_digest(workspace.root / place) for place in places}
    folder = RunFolder.of(config, workspace)
    folder.begin(config.resolve(), {"cores": 2}, inputs)
    cosines = np.random.default_rng(0).normal(size=(6, 3))
    scores = Scores({"cosine": cosines}, (0, 1, 9), tuple(f"s{i}" for i in range(6)))
    scores.save(folder.path / "scores.safetensors")
    folder.store_folds([FoldScores(scores, np.arange(6) % 2, (0, 1), (9,))])
    (folder.path / "metrics.jsonl").write_text('{"fit": "main-0", "phase": "align", "step": 1, "loss": 0.5}\n')
    folder.store_result(make_result(semantics_folders={}, encoder_folder=""))
    return folder


def read_run(path: Path) -> None:
    folder = RunFolder(path)
    folder.config(), folder.result(), folder.scores(), folder.folds(), folder.metrics()


KINDS = {
    "features": (write_features, FeatureSet.load),
    "skeletons": (write_skeletons, SkeletonSet.load),
    "texts": (write_semantics, Semantics.read),
    "encoder": (write_encoder, load_encoder),
}


def flip_bytes(folder: Path, read) -> tuple[int, int]:
    """How many of :data:`TRIALS` random changes of one byte were noticed, and how many left the content the same."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    sizes = np.array([p.stat().st_size for p in files])
    rng = np.random.default_rng(0)
    noticed = same = 0
    for _ in range(TRIALS):
        path = files[rng.choice(len(files), p=sizes / sizes.sum())]
        content = path.read_bytes()
        at = int(rng.integers(len(content)))
        changed = content[:at] + bytes([content[at] ^ (1 << int(rng.integers(8)))]) + content[at + 1 :]
        path.write_bytes(changed)
        try:
            read(folder)
        except ZsarError:
            noticed += 1
        else:
            same += path.name == "provenance.json" and json.loads(changed) == json.loads(content)
        path.write_bytes(content)
    read(folder)
    return noticed, same


@pytest.mark.parametrize("kind", KINDS)
def test_every_changed_byte_of_an_artefact_is_noticed(tmp_path, kind):
    write, read = KINDS[kind]
    write(tmp_path / "artefact")
    noticed, same = flip_bytes(tmp_path / "artefact", read)
    assert noticed + same == TRIALS
    assert noticed > TRIALS / 2


def test_every_changed_byte_of_a_run_is_noticed(finished_run):
    noticed, same = flip_bytes(finished_run.path, read_run)
    assert noticed + same == TRIALS
    assert noticed > TRIALS / 2


def test_a_run_of_the_first_versions_has_no_record_and_is_read(finished_run):
    (finished_run.path / "provenance.json").unlink()
    (finished_run.path / "inputs.json").unlink()
    read_run(finished_run.path)
    assert finished_run.replaced_inputs() == ()
    assert [one.state for one in verify(finished_run.workspace) if one.kind == "Run"] == ["no record"]


def test_a_run_whose_inputs_were_replaced_is_stale(finished_run, caplog):
    workspace = finished_run.workspace
    assert is_current(finished_run)
    assert {one.state for one in verify(workspace)} == {"whole"}
    write_skeletons(workspace.skeletons_folder("nw_ucla"), seed=1)
    assert finished_run.replaced_inputs() == ("skeletons/nw-ucla",)
    with caplog.at_level(logging.INFO, logger="zsar_kit"):
        assert not is_current(finished_run)
    assert f"stale, as skeletons/nw-ucla was replaced since: {finished_run.path}" in caplog.text
    (stale,) = [one for one in verify(workspace) if one.state != "whole"]
    assert (stale.state, stale.detail) == ("stale", "replaced since: skeletons/nw-ucla")
    write_skeletons(workspace.skeletons_folder("nw_ucla"))
    assert is_current(finished_run)


def test_maps_that_join_features_leave_runs_on_them_current_and_other_features_do_not(finished_run):
    place = finished_run.workspace.root / "features/nw-ucla/f"
    write_features(place, maps=True)
    assert FeatureSet.load(place).has_maps
    assert is_current(finished_run)
    write_features(place, seed=1)
    assert finished_run.replaced_inputs() == ("features/nw-ucla/f",)


def test_an_interrupted_run_of_other_inputs_starts_again(finished_run, caplog):
    config, folder = finished_run.config(), finished_run
    (folder.path / "result.json").unlink()
    for name in ("checkpoint-main-0.safetensors", "probe-main-0-1.safetensors"):
        (folder.path / name).write_text("half")
    folder.begin(config.resolve(), {}, folder.inputs())
    assert (folder.path / "checkpoint-main-0.safetensors").is_file()
    assert not caplog.records
    with caplog.at_level(logging.INFO, logger="zsar_kit"):
        folder.begin(config.resolve(), {}, folder.inputs() | {"skeletons/nw-ucla": "other"})
    assert "the inputs of this run were replaced since it was interrupted, it starts again" in caplog.text
    assert not [p for p in folder.path.iterdir() if p.name.startswith(("checkpoint-", "probe-", "metrics"))]


def test_verify_names_what_is_wrong_and_its_exit_code_says_so(finished_run, capsys):
    root = finished_run.workspace.root
    command = ["verify", "--workspace", str(root), "--quiet"]
    assert main(command) == 0
    assert capsys.readouterr().out == "3 artefacts and runs: 3 whole\n"
    pooled = max((root / "features/nw-ucla/f").iterdir(), key=lambda path: path.stat().st_size)
    pooled.write_bytes(pooled.read_bytes()[:-1] + b"\0")
    unfinished = RunFolder.of(replace(finished_run.config(), seed=1), finished_run.workspace)
    unfinished.begin(finished_run.config().resolve(), {}, {})
    (root / "skeletons/nw-ucla.tmp-old-0a0a0a0a-1-00").mkdir()
    assert main(command) == 1
    out = capsys.readouterr().out
    assert f"the file '{pooled.name}' of this FeatureSet is not what was written" in out
    assert "4 artefacts and runs: 2 whole, 1 damaged, 1 not finished" in out
    assert main(["verify", "--workspace", str(root / "nowhere")]) == 2
    assert "there is no such workspace" in capsys.readouterr().err


def test_an_artefact_with_files_in_folders_is_one_place(tmp_path):
    with atomic_folder(tmp_path / "workspace/thing") as folder:
        (folder / "deep").mkdir()
        (folder / "deep/a.txt").write_text("a")
        write_provenance(folder, "Thing", version=1, inputs={})
    found = verify(Workspace(tmp_path / "workspace", progress=False))
    assert [(one.place, one.kind, one.state) for one in found] == [("thing", "Thing", "whole")]
