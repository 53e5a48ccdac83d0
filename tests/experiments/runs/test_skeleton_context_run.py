"""A run of SkeletonContext on synthetic data: from maps to contexts, as a recogniser, and as a file for a colleague."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from zsar_kit.cli import main
from zsar_kit.errors import ArtefactError, ConfigError
from zsar_kit.experiments.pipeline.semantics import semantics_for
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.reports.context_figures import ClipReader
from zsar_kit.experiments.reports.contexts import context_report, context_table, examples_table
from zsar_kit.experiments.reports.heads import variant_heads
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.inputs import build_fold_data
from zsar_kit.experiments.runs.pack import export_run, import_run
from zsar_kit.experiments.runs.recogniser import Recogniser
from zsar_kit.experiments.runs.run import run
from zsar_kit.experiments.studies.ablation import Ablation
from zsar_kit.experiments.studies.suite import Suite
from zsar_kit.methods.registry import preset
from zsar_kit.methods.skeleton_context import SkeletonContext
from zsar_kit.seeding import numpy_generator
from zsar_kit.semantics.texts import SLOTS
from zsar_kit.training.loop import fit

pytestmark = [pytest.mark.slow, pytest.mark.offline_lm]

SHORT = {"training.epochs": 4, "training.milestones": [3], "grounding.vocabulary": 500, "grounding.dim": 32}
WORDS = "jump: both feet leave the floor; wave: a raised hand swings from side to side; sit: the hips sink to a chair"


def config(**changes) -> RunConfig:
    base = {"method": "skeleton_context", "encoder": Suite.load("demo").encoder("puppet"), "overrides": SHORT}
    return RunConfig(**(base | changes))


@pytest.fixture(scope="module")
def finished(puppet_workspace) -> RunFolder:
    return run(config(), puppet_workspace)


@pytest.fixture(scope="module")
def clip(puppet_workspace):
    return prepare_skeletons(puppet_workspace, "puppet").sequence(3)


def test_the_restored_run_scores_as_it_was_scored(finished, puppet_workspace):
    result = finished.result()
    assert result.text_use == "inductive"
    assert result.calibration == "pseudo_unseen"
    assert result.feature_shape == (8, 25, 64)
    scores = finished.scores()
    assert set(scores.heads) == {"context", "part"}
    data = build_fold_data(config().resolve(), puppet_workspace)[0]
    again = data.scores(finished.method())
    for head, values in scores.heads.items():
        assert again.heads[head] == pytest.approx(values, abs=1e-4)


def test_the_bank_of_a_fold_lacks_the_pseudo_unseen_classes(puppet_workspace):
    main_data, folds = build_fold_data(config().resolve(), puppet_workspace)
    assert main_data.contexts.class_ids == main_data.partition.split.seen
    for fold in folds:
        assert fold.contexts.class_ids == fold.partition.split.seen
        assert not set(fold.contexts.class_ids) & set(fold.partition.split.unseen)


def test_contexts_are_judged_against_baselines(finished, puppet_workspace, capsys):
    reports = context_report(finished, k=3)
    assert [r.slot for r in reports] == list(SLOTS)
    stored = json.loads((finished.path / "contexts.json").read_text(encoding="utf-8"))
    assert stored["k"] == 3
    for report in reports:
        assert set(report.seen) == set(report.unseen) == {"model", "most frequent words", "model on the mean clip"}
        counts = {a.n for a in report.unseen.values()}
        assert len(counts) == 1
        assert all(a.hit is None or 0 <= a.hit <= 100 for a in report.unseen.values())
    # A word that does not depend on the clip agrees always; the model's differ from clip to clip.
    assert min(r.agreement[1] for r in reports) < 100
    for report in reports:
        for group, judged in (("seen", report.seen), ("unseen", report.unseen)):
            assert report.lift(group, "most frequent words") in (0, None)
            own, frequent = judged["model"].hit, judged["most frequent words"].hit
            assert report.lift(group, "model") == (None if own is None else own - frequent)
    table = context_table([reports, reports])
    assert "ceiling" in table
    shown = [cell.strip() for cell in table.splitlines()[2].split("|")]
    column = [cell.strip() for cell in table.splitlines()[0].split("|")].index("lift, seen")
    assert shown[column].startswith(f"{reports[0].lift('seen', 'model'):.1f}")
    assert "most frequent words" in table
    for k in (0, 10**6):
        with pytest.raises(ConfigError, match="k must be from 1 to"):
            context_report(finished, k=k)
    workspace = ["--workspace", str(puppet_workspace.root), "--quiet"]
    assert main(["contexts", str(finished.path), str(finished.path), *workspace]) == 2
    assert "differ only in the seed" in capsys.readouterr().err
    assert main(["contexts", str(finished.path), "--k", "3", *workspace]) == 0
    shown = capsys.readouterr().out
    assert "puppet (synthetic) 23/5" in shown
    assert examples_table(finished).splitlines()[2] in shown


def test_the_tables_of_another_edition_have_markers_of_their_own(finished, puppet_workspace, tmp_path):
    page, marks = tmp_path / "page.md", ("puppet_23-5_contexts", "puppet_23-5_first_contexts")
    page.write_text("\n".join(f"<!-- {mark} -->\n<!-- /{mark} -->" for mark in marks), encoding="utf-8")
    first = run(config(edition="first"), puppet_workspace)
    options = ["--write", str(page), "--workspace", str(puppet_workspace.root), "--quiet"]
    for folder, filled in ((finished, [True, False]), (first, [True, True])):
        assert main(["contexts", str(folder.path), *options]) == 0
        between = [page.read_text(encoding="utf-8").split(f"{mark} -->")[1] for mark in marks]
        assert ["most frequent words" in text for text in between] == filled
    assert between[0] != between[1]


def test_an_ablation_may_show_each_head_on_folds_and_on_test(finished, puppet_workspace):
    plan = Ablation.from_dict(
        {
            "title": "heads",
            "cases": [{"dataset": "puppet", "split": "23/5"}],
            "method": "skeleton_context",
            "preset": "cpu",
            "suite": {"puppet": "demo"},
            "overrides": SHORT,
            "seeds": [0, 1],
            "variants": {"without parts": {"overrides": {"parts.enabled": False}}},
            "heads": True,
        }
    )
    assert plan.config(plan.cases[0], None, 0).digest() == finished.config().digest()
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in variant_heads(plan, puppet_workspace).split("\n")
    ]
    assert rows[0] == ["data, split", "variant", "head", "ZSL on folds", "ZSL"]
    found = {row[2]: (float(row[3]), float(row[4])) for row in rows[2:] if len(row) == 5}
    assert list(found) == ["context", "part", "fused (the result)"]
    assert found["fused (the result)"][1] == pytest.approx(finished.result().evaluation.micro.zsl, abs=0.05)
    for head in ("context", "part"):
        of_folds = []
        for fold in finished.folds():
            columns = [fold.scores.classes.index(c) for c in fold.unseen]
            right = [
                fold.unseen[row[columns].argmax()] == label
                for row, label in zip(fold.scores.heads[head], fold.labels.tolist(), strict=True)
                if label in fold.unseen
            ]
            of_folds.append(100 * np.mean(right))
        assert len(of_folds) == 8
        assert found[head][0] == pytest.approx(np.mean(of_folds), abs=0.05)


def test_a_method_with_one_head_has_one_line(puppet_workspace):
    plan = {"title": "t", "cases": [{"dataset": "puppet", "split": "23/5"}], "method": "ridge", "preset": "motion"}
    plan |= {"suite": {"puppet": "demo"}, "seeds": [0, 1], "variants": {"low": {"overrides": {"penalty": 0.01}}}}
    ablation = Ablation.from_dict(plan)
    ridge = run(ablation.config(ablation.cases[0], None, 0), puppet_workspace)
    _, _, line = variant_heads(ablation, puppet_workspace).splitlines()
    shown = [cell.strip() for cell in line.split("|")[1:-1]]
    assert shown[:3] == ["puppet (synthetic) 23/5", "base", next(iter(ridge.scores().heads))]
    assert float(shown[4]) == pytest.approx(ridge.result().evaluation.micro.zsl, abs=0.05)


def test_a_clip_is_recognised_read_and_weighed(finished, clip, puppet_workspace, tmp_path, capsys):
    layout = prepare_skeletons(puppet_workspace, "puppet").layout
    recogniser = Recogniser.load(finished.path, puppet_workspace)
    found = recogniser.classify(clip.joints, WORDS, layout=layout)
    assert {name for name, _ in found.ranked} == {"jump", "wave", "sit"}
    contexts = recogniser.contexts(clip.joints, k=4, layout=layout)
    assert list(contexts) == list(SLOTS)
    assert all(len(words) == 4 for words in contexts.values())
    importance = recogniser.key_parts(clip.joints, layout=layout)
    assert importance.shape == (8, 25)
    np.save(tmp_path / "clip.npy", np.asarray(clip.joints[0]))
    workspace = ["--workspace", str(puppet_workspace.root), "--quiet"]
    command = ["predict", str(finished.path), str(tmp_path / "clip.npy"), "--classes", WORDS, "--layout", layout]
    assert main([*command, *workspace]) == 0
    shown = capsys.readouterr().out
    assert "(none of these)" in shown
    assert "Read from the motion alone" in shown
    assert importance.sum(1) == pytest.approx(np.ones(8), abs=1e-5)


def test_an_exported_run_recognises_elsewhere(finished, clip, puppet_workspace, tmp_path):
    names = export_run(finished.path, puppet_workspace, tmp_path / "run.zip")
    assert any(name.startswith("contexts/") for name in names)
    assert not any("maps" in name or "skeletons/" in name for name in names)
    other = replace(puppet_workspace, root=tmp_path / "elsewhere")
    imported = import_run(tmp_path / "run.zip", other)
    layout = prepare_skeletons(puppet_workspace, "puppet").layout
    mine, theirs = (
        Recogniser.load(folder.path, place).contexts(clip.joints, layout=layout)
        for folder, place in ((finished, puppet_workspace), (imported, other))
    )
    assert mine == theirs
    shutil.rmtree(other.root / "contexts")
    with pytest.raises(ArtefactError):
        Recogniser.load(imported.path, other)


def test_a_run_that_reads_no_contexts_says_so(puppet_workspace):
    blind = run(config(overrides={**SHORT, "grounding.enabled": False}), puppet_workspace)
    with pytest.raises(ConfigError, match="reads no contexts"):
        context_report(blind)
    assert ClipReader(blind).key_part_figure(3).subfigs  # key parts need no grounding
    flora = config(method="flora", overrides={"align.steps": 10, "flow.steps": 5})
    recogniser = Recogniser.load(run(flora, puppet_workspace).path, puppet_workspace)
    with pytest.raises(ConfigError, match="Flora reads no contexts"):
        recogniser.contexts("clip.npy")


def test_views_are_other_than_the_clip_and_the_same_each_time(puppet_workspace):
    two = build_fold_data(config(overrides={**SHORT, "training.views": 2}).resolve(), puppet_workspace)[0]
    plain, turned = (view.maps() for view in two.maps)
    assert plain.shape == turned.shape
    assert not np.array_equal(plain[:8], turned[:8])
    again = build_fold_data(config(overrides={**SHORT, "training.views": 2}).resolve(), puppet_workspace)[0]
    assert np.array_equal(again.maps[1].maps(), turned)


def zsl(data, semantics, contexts, seed: int) -> float:
    cpu = preset("skeleton_context", "cpu").override({"training.epochs": 10, "training.milestones": [7]})
    training = data.training_set(semantics)
    training = replace(training, task=replace(training.task, contexts=contexts))
    return data.accuracy(data.scores(fit(SkeletonContext, cpu, training, seed=seed, progress=False)))


def test_it_beats_chance_and_shuffled_texts_do_not(puppet_workspace):
    data = build_fold_data(
        RunConfig(method="skeleton_context", encoder=Suite.load("demo").encoder("puppet")).resolve(), puppet_workspace
    )[0]
    texts = {
        name: semantics_for(puppet_workspace, "puppet", name, "offline")
        for name in preset("skeleton_context", "cpu").text_sets()
    }
    chance = 100 / len(data.partition.split.unseen)
    real, nonsense = [], []
    for seed in range(2):
        order = numpy_generator(seed, "shuffle").permutation(len(texts["motion"].class_ids))
        shuffled = {
            name: replace(s, pooled=s.pooled[order], sentences=None if s.sentences is None else s.sentences[order])
            for name, s in texts.items()
        }
        real.append(zsl(data, texts, data.contexts, seed))
        nonsense.append(zsl(data, shuffled, data.contexts, seed))
    assert np.mean(real) > chance + 10, real
    assert np.mean(nonsense) < chance + 10, nonsense


def test_it_overfits_one_batch(puppet_workspace):
    data = build_fold_data(
        RunConfig(method="skeleton_context", encoder=Suite.load("demo").encoder("puppet")).resolve(), puppet_workspace
    )[0]
    cpu = preset("skeleton_context", "cpu").override({"training.epochs": 150, "training.milestones": [120]})
    texts = {n: semantics_for(puppet_workspace, "puppet", n, "offline") for n in cpu.text_sets()}
    whole = data.training_set(texts)
    rows = numpy_generator(0, "one batch").permutation(len(whole.labels))[:64]
    maps = whole.features.take(rows)
    batch = replace(whole, features=maps, labels=whole.labels[rows])
    first, last = {}, {}

    def keep(phase: str, step: int, losses: dict[str, float]) -> None:
        (first if step == 1 else last).update(losses)

    method = fit(SkeletonContext, cpu, batch, seed=0, progress=False, on_step=keep, log_every=1)
    assert last["align_context"] < first["align_context"] / 3
    assert last["align_part"] < first["align_part"] / 3
    with torch.inference_mode():
        for scores in method.class_scores(torch.from_numpy(maps), batch.task.seen).heads.values():
            assert (np.array(batch.task.seen)[scores.numpy().argmax(1)] == batch.labels).mean() > 0.9
