"""A finished run as a recogniser, and as one file for a colleague; on synthetic data."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from zsar_kit.cli import main
from zsar_kit.data.catalogue import class_names
from zsar_kit.errors import ArtefactError, TextError
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.inputs import build_fold_data
from zsar_kit.experiments.runs.pack import MANIFEST, export_run, import_run
from zsar_kit.experiments.runs.recogniser import Recogniser
from zsar_kit.experiments.runs.run import run
from zsar_kit.experiments.studies.suite import Suite

pytestmark = [pytest.mark.slow, pytest.mark.offline_lm]

SHORT = {"align.steps": 40, "flow.steps": 10, "align.latent_dim": 32}
WORDS = "jump: both feet leave the floor; wave: a raised hand swings from side to side; sit: the hips sink to a chair"


def config(**changes) -> RunConfig:
    return RunConfig(**({"encoder": Suite.load("demo").encoder("puppet"), "overrides": SHORT} | changes))


@pytest.fixture(scope="module")
def finished(puppet_workspace):
    return run(config(), puppet_workspace)


@pytest.fixture(scope="module")
def clip(puppet_workspace):
    return prepare_skeletons(puppet_workspace, "puppet").sequence(3)


@pytest.fixture(scope="module")
def recogniser(finished, puppet_workspace):
    return Recogniser.load(finished.path, puppet_workspace)


def test_a_clip_is_ranked_among_words(recogniser, clip, puppet_workspace):
    layout = prepare_skeletons(puppet_workspace, "puppet").layout
    found = recogniser.classify(clip.joints, WORDS, layout=layout)
    assert {name for name, _ in found.ranked} == {"jump", "wave", "sit"}
    values = [p for _, p in found.ranked]
    assert values == sorted(values, reverse=True)
    assert sum(values) + found.none_of_these == pytest.approx(1.0)
    assert set(found.milliseconds) == {"read", "words", "skeleton", "score"}
    assert found.label in str(found)
    assert "(none of these)" in str(found)
    again = recogniser.classify(clip.joints, "; ".join(reversed(WORDS.split("; "))), layout=layout)
    assert dict(again.ranked) == pytest.approx(dict(found.ranked), rel=1e-4)  # the order of words means nothing
    assert set(recogniser.latency(clip.joints, WORDS, repeats=2, layout=layout)) == set(found.milliseconds)


def test_without_words_the_unseen_classes_of_the_run_compete(recogniser, finished, clip, puppet_workspace):
    layout = prepare_skeletons(puppet_workspace, "puppet").layout
    names = class_names("puppet")
    found = recogniser.classify(clip.joints, layout=layout)
    assert {name for name, _ in found.ranked} == {names[c] for c in finished.result().unseen}


def test_the_feature_is_that_of_extraction(recogniser, clip, puppet_workspace):
    data, _ = build_fold_data(config().resolve(), puppet_workspace)
    layout = prepare_skeletons(puppet_workspace, "puppet").layout
    torch.testing.assert_close(
        recogniser._feature(clip, layout)[0][0].cpu(), torch.from_numpy(data.features.pooled[3]), rtol=1e-4, atol=1e-5
    )


def test_a_class_in_its_own_words_scores_as_in_the_run(puppet_workspace, clip):
    """Without neighbours, an unseen class given again by its texts has the error that the run has for it."""
    plain = run(config(overrides=SHORT | {"text.k": 0}), puppet_workspace)
    recogniser = Recogniser.load(plain.path, puppet_workspace)
    unseen = plain.result().unseen[:2]
    label, motion = (recogniser.semantics[name] for name in ("label", "motion"))
    words = "; ".join(
        f"{label.texts[label.class_ids.index(c)][0]}: {motion.texts[motion.class_ids.index(c)][0]}" for c in unseen
    )
    assert words.count(";") == 1
    method = recogniser._with_classes(_parse(recogniser, words))
    new = method.table.class_ids[-2:]
    data, _ = build_fold_data(config().resolve(), puppet_workspace)
    features = torch.from_numpy(data.features.pooled[:5])
    with torch.inference_mode():
        scores = method.class_scores(features, (*unseen, *new)).heads["flow"]
    torch.testing.assert_close(scores[:, :2], scores[:, 2:], rtol=1e-4, atol=1e-5)


def _parse(recogniser, words):
    from zsar_kit.semantics.words import parse_classes

    return parse_classes(words, first_id=recogniser._first_id)


def test_floors_take_words_too(puppet_workspace, clip):
    ridge = run(config(method="ridge", preset="motion", overrides={}), puppet_workspace)
    layout = prepare_skeletons(puppet_workspace, "puppet").layout
    found = Recogniser.load(ridge.path, puppet_workspace).classify(clip.joints, WORDS, layout=layout)
    assert len(found.ranked) == 3


def test_what_is_missing_is_said(finished, puppet_workspace, tmp_path, recogniser):
    with pytest.raises(ArtefactError, match=r"no finished run here.*zsar train"):
        Recogniser.load(tmp_path, puppet_workspace)
    with pytest.raises(ArtefactError):
        Recogniser.load(finished.path, replace(puppet_workspace, root=tmp_path))  # no texts, no encoder there
    other = replace(recogniser, semantics={k: _other_model(s) for k, s in recogniser.semantics.items()})
    with pytest.raises(ArtefactError, match="Provide the language model that the run used"):
        other.classify(np.ones((4, 25, 3), np.float32), WORDS)
    with pytest.raises(TextError, match="got 1"):
        recogniser.classify(np.ones((4, 25, 3), np.float32), "wave: a hand")


def _other_model(semantics):
    return replace(semantics, language=replace(semantics.language, weights="0" * 64))


def test_a_run_travels_in_one_file_without_data(finished, puppet_workspace, tmp_path, clip):
    packed = tmp_path / "run.zip"
    names = export_run(finished.path, puppet_workspace, packed)
    assert not [n for n in names if n.startswith(("skeletons", "features"))]
    again = tmp_path / "again.zip"
    export_run(finished.path, puppet_workspace, again)
    assert packed.read_bytes() == again.read_bytes()
    with pytest.raises(ArtefactError, match="the file exists"):
        export_run(finished.path, puppet_workspace, packed)

    there = replace(puppet_workspace, root=tmp_path / "there")
    folder = import_run(packed, there)
    for name in names:
        assert (there.root / name).read_bytes() == (puppet_workspace.root / name).read_bytes()
    assert import_run(packed, there).path == folder.path  # again: nothing to do
    layout = prepare_skeletons(puppet_workspace, "puppet").layout
    here = Recogniser.load(finished.path, puppet_workspace).classify(clip.joints, WORDS, layout=layout)
    assert Recogniser.load(folder.path, there).classify(clip.joints, WORDS, layout=layout).ranked == here.ranked
    (folder.path / "env.json").write_text("{}")
    with pytest.raises(ArtefactError, match="the run would overwrite a different file"):
        import_run(packed, there)


def test_altered_and_malicious_files_are_refused(finished, puppet_workspace, tmp_path):
    packed = tmp_path / "run.zip"
    export_run(finished.path, puppet_workspace, packed)
    with zipfile.ZipFile(packed) as archive:
        contents = {n: archive.read(n) for n in archive.namelist()}
    there = replace(puppet_workspace, root=tmp_path / "there")

    def repacked(changed):
        path = tmp_path / "changed.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in changed.items():
                archive.writestr(name, content)
        return path

    some = next(n for n in contents if n.endswith("config.json"))
    manifest = json.loads(contents[MANIFEST])
    outside = json.dumps(manifest | {"files": {"../evil": "0"}}).encode()
    for changed, message in (
        (contents | {some: b"{}"}, "was altered or damaged"),
        (contents | {"extra": b""}, "'extra' is not in the manifest"),
        (contents | {MANIFEST: outside, "../evil": b""}, r"lies outside the workspace.*Don't trust"),
        (contents | {MANIFEST: b"{}"}, "not a run exported by this version"),
        ({k: v for k, v in contents.items() if k != some}, "not a complete exported run"),
    ):
        with pytest.raises(ArtefactError, match=message):
            import_run(repacked(changed), there)
    assert not there.root.exists()
    packed.write_bytes(packed.read_bytes()[:200])
    with pytest.raises(ArtefactError, match="not a complete exported run"):
        import_run(packed, there)


def test_commands(finished, puppet_workspace, tmp_path, clip, capsys):
    place = ["--workspace", str(puppet_workspace.root), "--quiet"]
    np.save(tmp_path / "clip.npy", clip.joints)
    layout = prepare_skeletons(puppet_workspace, "puppet").layout
    told = [str(finished.path), str(tmp_path / "clip.npy"), "--classes", WORDS, "--layout", layout]
    assert main(["predict", *told, *place]) == 0
    shown = capsys.readouterr().out
    assert "(none of these)" in shown
    assert "Milliseconds: read" in shown
    assert main(["predict", *told[:2], "--classes", "sit; sit", *place]) == 2
    assert "occurs twice" in capsys.readouterr().err
    assert main(["run", "export", str(finished.path), str(tmp_path / "r.zip"), *place]) == 0
    assert "no data" in capsys.readouterr().out
    assert main(["run", "import", str(tmp_path / "r.zip"), "--workspace", str(tmp_path / "w")]) == 0
    shutil.rmtree(tmp_path / "w")
