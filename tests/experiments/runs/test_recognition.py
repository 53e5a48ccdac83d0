"""Recognition out of the box: known classes, words, own forms, streams, and what is refused."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.errors import ConfigError, DataError, MissingModelError, TextError
from zsar_kit.experiments.pipeline.own_clip import open_clip
from zsar_kit.experiments.runs import candidates as candidates_module
from zsar_kit.experiments.runs.candidates import FORETOLD, choose_candidates, levels_of_words
from zsar_kit.experiments.runs.doctor_line import doctor_command
from zsar_kit.experiments.runs.recognition import (
    Recognition,
    nearest_of_each_meaning,
    recognise,
    recognise_joints,
    recognise_stream,
)
from zsar_kit.primitives.attributes import attribute_names
from zsar_kit.primitives.forms import AUTHORS, load_form
from zsar_kit.primitives.known import classes_named, folded, known_classes, mean_levels
from zsar_kit.semantics import offline

OWN = """
dataset = "mine"
[[class]]
id = 0
name = "raise a hand"
arms = {{ lead_hand_highest = {level}, lead_hand_raised = 0.5 }}
[[class]]
id = 1
name = "Squat"
legs = {{ hips_down = 1.0 }}
"""
WORDS = "squat; lunge: one leg steps far forward; wave"


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    """One clip of puppet, ``[person, frame, joint, xyz]``."""
    config = PuppetConfig(subjects=1, replications=1, cameras=1)
    return next(s.joints for s in generate(config) if s.joints.shape[1] > 60)


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN.format(level=0.75), encoding="utf-8")
    return path


def test_words_take_the_forms_of_their_names(clip):
    answer = recognise(clip, WORDS)
    assert {r.name: r.source for r in answer.ranked} == {
        "squat": "utd_mhad:26",
        "lunge": "utd_mhad:25",
        "wave": "utd_mhad:2",
    }
    assert answer.notes == ()


def test_classes_may_be_a_list_or_label_to_description(clip):
    whole = recognise(clip, WORDS).to_dict()
    assert recognise(clip, ["squat", "lunge: one leg steps far forward", "wave"]).to_dict() == whole
    assert recognise(clip, {"squat": "", "lunge": "one leg steps far forward", "wave": ""}).to_dict() == whole
    for wrong in ([], ["squat"]):
        with pytest.raises(TextError, match="Separate classes by"):
            recognise(clip, wrong)


def test_values_of_other_types_are_refused_with_the_format():
    """Outside of tests, which check types themselves."""
    program = """
import numpy as np, torch
import zsar_kit as zk
from zsar_kit.errors import ZsarError
clip, words = np.ones((4, 25, 3)), "squat; lunge"
run = object.__new__(zk.Recogniser)  # what it is asked is looked at first
for ask in [
    *(lambda wrong=wrong: zk.recognise(clip, wrong) for wrong in (5, None, ["squat", 3], {"squat": None})),
    *(lambda wrong=wrong: zk.recognise(wrong, words) for wrong in ([[1, 2]], 3, None, torch.zeros(4, 25, 3))),
    lambda: run.classify([[1, 2]], words),
    lambda: zk.explain("nowhere", [[1, 2]]),
]:
    try:
        ask()
    except ZsarError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    said = done.stdout.splitlines()
    of_words = ["5 of type int", "None of type NoneType", "3 of type int", "None of type NoneType"]
    for line, came in zip(said[:4], of_words, strict=True):
        assert f"classes are given in words, got {came} (in classes). Write: " in line
    for line, came in zip(said[4:], ["list", "int", "NoneType", "Tensor", "list", "list"], strict=True):
        assert f"got a value of type {came} (in clip). Give a path, or an array: numpy.asarray(clip)." in line


def test_probabilities_sum_to_one_and_fall_with_distance(clip):
    answer = recognise(clip)
    assert sum(r.probability for r in answer.ranked) + answer.none_of_these == pytest.approx(1.0)
    apart = [r.distance for r in answer.ranked]
    assert apart == sorted(apart)
    assert [r.probability for r in answer.ranked] == sorted((r.probability for r in answer.ranked), reverse=True)


def test_of_classes_that_mean_the_same_only_the_nearest_is_shown(clip):
    answer = recognise(clip, two_persons=True)
    shown = [next(k for k in known_classes() if k.source == r.source) for r in answer.ranked]
    covered = set()
    for known in shown:
        assert (known.dataset, known.class_id) not in covered
        covered |= known.meaning()
    assert all((k.dataset, k.class_id) in covered for k in known_classes())


def test_classes_of_two_persons_are_for_clips_with_two(clip):
    """34 of the 266 known classes are; the levels of one person's clip say nothing of them."""
    at = attribute_names().index("two_persons")
    pairs = {k.source for k in known_classes() if k.levels()[at] == 1.0}
    alone = recognise(clip)
    assert (alone.left_out, len(pairs)) == (34, 34)
    assert not pairs & {r.source for r in alone.ranked}
    assert alone.notes == (
        "The clip has one person: 34 classes of two persons are left out (--two-persons ranks them too).",
    )
    assert alone.to_dict()["left_out"] == 34
    asked = recognise(clip, two_persons=True)
    assert pairs & {r.source for r in asked.ranked}
    both = np.concatenate([clip, clip + np.float32([0.9, 0, 0])])
    assert (asked.left_out, asked.notes, recognise(both).left_out) == (0, (), 0)
    few = recognise(clip, "hugging other person; handshaking; squat")
    assert (len(few.ranked), few.left_out) == (3, 0)  # one class alone is no choice


def test_a_data_set_keeps_all_its_classes(clip):
    assert len(recognise(clip, dataset="utd_mhad").ranked) == 27


def test_nearest_of_each_meaning_on_a_small_case():
    from zsar_kit.experiments.runs.candidates import Candidates

    same = frozenset({("a", 0), ("b", 0)})
    keys, meanings = (("a", 0), ("b", 0), None), (same, same, frozenset())
    candidates = Candidates(("x", "y", "z"), ("a", "b", "c"), np.zeros((3, 2), np.float32), keys, meanings)
    assert nearest_of_each_meaning(np.array([0.3, 0.1, 0.2]), candidates) == [1, 2]


def test_a_name_counts_without_case_and_punctuation_and_in_any_data_set():
    assert folded("Walk-in-place ") == folded("walk in PLACE")
    found = classes_named("throw", known_classes())
    assert {"utd_mhad", "nw_ucla"} <= {k.dataset for k in found}
    both = np.stack([k.levels() for k in found])
    known = np.isfinite(both).all(0)
    assert mean_levels(found)[known] == pytest.approx(both.mean(0)[known])


def test_an_own_form_is_used_alone_and_before_the_kits(clip, own):
    alone = recognise(clip, form=own)
    assert {r.name for r in alone.ranked} == {"raise a hand", "Squat"}
    mixed = {r.name: r.source for r in recognise(clip, "raise a hand; squat; lunge", form=own).ranked}
    assert mixed == {"raise a hand": "form mine", "squat": "form mine", "lunge": "utd_mhad:25"}


def test_an_unknown_attribute_in_a_form_is_named_with_the_nearest(clip, own):
    own.write_text(OWN.format(level=0.5).replace("hips_down", "hip_down"), encoding="utf-8")
    with pytest.raises(TextError, match=r"unknown attribute 'hip_down'.*hips_down"):
        recognise(clip, form=own)


def test_equal_forms_are_refused_and_both_named(clip, tmp_path):
    text = '[[class]]\nid = 0\nname = "a"\n[[class]]\nid = 1\nname = "b"\n'
    (tmp_path / "twins.toml").write_text(text, encoding="utf-8")
    with pytest.raises(TextError, match="'a' and 'b'"):
        recognise(clip, form=tmp_path / "twins.toml")
    with pytest.raises(TextError, match="'Lunge' and 'lunge!' have equal levels"):
        recognise(clip, "Lunge; lunge!")


def test_one_class_is_no_choice(clip, tmp_path):
    (tmp_path / "one.toml").write_text('[[class]]\nid = 0\nname = "a"\n', encoding="utf-8")
    with pytest.raises(TextError, match="at least two classes"):
        recognise(clip, form=tmp_path / "one.toml")


def test_an_unknown_data_set_is_refused_with_the_nearest(clip):
    with pytest.raises(TextError, match=r"no form of data set 'utd_mhd'.*utd_mhad"):
        recognise(clip, dataset="utd_mhd")


def test_without_a_language_model_other_words_are_named_with_the_command(clip, monkeypatch):
    monkeypatch.setattr(offline, "DISTRIBUTION", "a-package-that-nobody-has")
    candidates_module._encoder.cache_clear()
    candidates_module._known_embeddings.cache_clear()
    with pytest.raises(MissingModelError, match=r"(?s)'juggle'.*zsar doctor --install-lm"):
        recognise(clip, "squat; juggle")
    assert recognise(clip, WORDS).ranked  # known names need none


@pytest.mark.offline_lm
def test_other_words_are_foretold_and_the_answer_says_so(clip, caplog, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    candidates_module._known_embeddings.cache_clear()
    with caplog.at_level(logging.WARNING, logger="zsar_kit"):
        answer = recognise(clip, "squat; leap upwards: both feet leave the floor; wave", why=True)
    sources = {r.name: r.source for r in answer.ranked}
    assert sources["leap upwards"] == FORETOLD
    assert sources["squat"] == "utd_mhad:26"
    assert "leap upwards" in answer.notes[0]
    assert "squat" not in answer.notes[0]
    assert any((tmp_path / "zsar_kit" / "texts").iterdir())
    assert not caplog.records


def _foretold_notes(monkeypatch, labels, **options):
    """The notes on words, without a language model."""
    blank = np.full(len(attribute_names()), 0.5)
    guess = lambda pairs, model: np.stack([blank + i / 100 for i in range(len(pairs))])  # noqa: E731
    monkeypatch.setattr(candidates_module, "_foretold", guess)
    return levels_of_words([(label, "") for label in labels], **options)[2]


def test_forms_of_other_data_sets_are_named_where_one_is_asked_for(monkeypatch):
    first, others = _foretold_notes(monkeypatch, ["squat", "lunge", "juggle"], dataset="ntu60")
    assert first.endswith("as no form of ntu60 has them: squat, lunge, juggle.")
    assert "'squat' (utd_mhad), 'lunge' (utd_mhad)." in others
    assert "(--dataset ntu60)" in others


@pytest.mark.parametrize(
    ("label", "known"),
    [
        ("hug", "'hugging other person'"),
        ("yawning", "'yawn'"),
        ("sqat", "'Squat'"),
        ("wave both arms", "'Wave'"),
        ("Fall", "'falling'"),
    ],
)
def test_close_known_names_are_named(label, known, monkeypatch):
    foretold, close = _foretold_notes(monkeypatch, [label])
    assert foretold.endswith(f"as no form has them: {label}.")
    assert f"for {label!r} {known}" in close


@pytest.mark.parametrize("label", ["car", "leap upwards", "galling"])
def test_words_that_only_look_alike_are_not_close(label, monkeypatch):
    assert len(_foretold_notes(monkeypatch, [label])) == 1


def test_a_form_alone_goes_with_no_data_set(clip, own):
    with pytest.raises(ConfigError, match=r"'utd_mhad' would not be looked at.*--classes"):
        recognise(clip, form=own, dataset="utd_mhad")
    mixed = recognise(clip, "raise a hand; lunge", form=own, dataset="utd_mhad")
    assert {r.source for r in mixed.ranked} == {"form mine", "utd_mhad:25"}


def test_words_take_the_levels_of_one_author():
    pairs = [("squat", ""), ("Wave", "")]
    for text_set, author in (("levels_first", AUTHORS[0]), ("levels_second", AUTHORS[1])):
        levels, sources, notes = levels_of_words(pairs, text_set=text_set)
        np.testing.assert_array_equal(levels[0], load_form("utd_mhad", author).of(26))
        assert sources[0] == "utd_mhad:26"
        assert notes == ()
    both = levels_of_words(pairs)[0]
    np.testing.assert_array_equal(both[0], load_form("utd_mhad").of(26))
    assert not np.array_equal(both, levels, equal_nan=True)


def test_foretold_levels_do_not_come_from_the_class_itself(monkeypatch, caplog):
    """Neither from its own form nor from those of classes that mean the same."""
    known, asked = known_classes(), []
    encoder = SimpleNamespace(encode=lambda texts: SimpleNamespace(pooled=torch.ones(len(texts), 3)))
    told = []

    def embeddings(model: str) -> np.ndarray:
        told.extend(record.message for record in caplog.records)
        return np.ones((len(known), 3))

    caplog.set_level(logging.INFO, logger="zsar_kit")
    monkeypatch.setattr(candidates_module, "_known_embeddings", embeddings)
    monkeypatch.setattr(candidates_module, "_encoder", lambda model: encoder)

    def foretell_each(texts, levels, new, allowed):
        asked.append(allowed)
        return np.full((len(new), levels.shape[1]), 0.5, dtype=np.float32)

    monkeypatch.setattr("zsar_kit.primitives.foretell.foretell_each", foretell_each)
    _, sources, notes = levels_of_words([("squat", ""), ("juggle", "")], text_set="levels_foretold")
    assert sources == [FORETOLD, FORETOLD]
    assert "squat, juggle" in notes[0]
    assert told == [  # before the language model is loaded, which takes long
        "Foretelling levels of 2 classes with the language model offline: loading it takes seconds"
    ]
    (allowed,) = asked
    meaning = next(k for k in known if k.source == "utd_mhad:26").meaning()
    assert {(k.dataset, k.class_id) for k, may in zip(known, allowed[0], strict=True) if not may} == set(meaning)
    assert allowed[1].all()


def test_the_explanation_is_of_the_first_two_and_only_on_request(clip):
    assert recognise(clip, WORDS).explanation is None
    answer = recognise(clip, WORDS, why=True)
    why = answer.explanation
    assert why is not None
    assert (why.winner, why.runner_up) == (answer.ranked[0].name, answer.ranked[1].name)
    assert why.distances == pytest.approx((answer.ranked[0].distance, answer.ranked[1].distance))


def test_an_answer_is_a_table_and_a_record(clip):
    answer = recognise(clip, WORDS, why=True)
    assert "(none of these)" in answer._repr_markdown_()
    record = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    assert [c["name"] for c in record["classes"]] == [r.name for r in answer.ranked]
    assert record["why"]["winner"] == answer.label
    assert "Recognition(" in repr(answer)


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (lambda c: np.zeros_like(c), "no frame of the sequence has a body"),
        (lambda c: c[:, :1], "at least 2 frames"),
        (lambda c: np.ones_like(c), "no size"),
        (lambda c: np.where(np.arange(25)[:, None] == 3, np.nan, c), "finite"),
        (lambda c: c[:, :, :20], "25 joints"),
    ],
    ids=["no body", "one frame", "all joints equal", "not finite", "another layout"],
)
def test_a_clip_that_cannot_be_measured_is_refused(clip, broken, problem):
    with pytest.raises(DataError, match=problem):
        recognise(broken(clip).astype(np.float32), WORDS)


def test_a_layout_without_hands_measures_the_rest(clip):
    from zsar_kit.data.joints import layout

    ntu, coco = layout("ntu25"), layout("coco_17")
    assert "hand_right" not in coco.joints
    joints = np.zeros((*clip.shape[:2], len(coco), 3), dtype=np.float32)
    for i, name in enumerate(coco.joints):
        joints[:, :, i] = clip[:, :, ntu.index(name if name in ntu.joints else "head")]
    answer = recognise(joints, WORDS, layout="coco_17")
    assert answer.measured < recognise(clip, WORDS).measured
    assert np.isfinite([r.distance for r in answer.ranked]).all()


def frames(clip: np.ndarray) -> list[np.ndarray]:
    return [clip[:, f] for f in range(clip.shape[1])]


def same(a: Recognition, b: Recognition) -> bool:
    return a.ranked == b.ranked and a.none_of_these == b.none_of_these


@pytest.mark.parametrize("window", [None, 60.0], ids=["of one window", "shorter than a window"])
def test_a_stream_gives_the_answer_of_the_file(clip, window):
    candidates = choose_candidates(WORDS)
    whole = recognise(clip, WORDS)
    seconds = clip.shape[1] / 30.0 if window is None else window
    ((start, end, answer),) = recognise_stream(frames(clip), candidates, window=seconds)
    assert (start, end) == (0.0, pytest.approx(clip.shape[1] / 30.0))
    assert same(answer, whole)


def test_windows_slide_by_the_hop_and_the_last_holds_what_is_left(clip):
    clip = clip[:, :58]
    candidates = choose_candidates(WORDS)
    found = list(recognise_stream(frames(clip), candidates, window=1.0, hop=0.5))
    assert [(round(30 * s), round(30 * e)) for s, e, _ in found] == [(0, 30), (15, 45), (28, 58)]
    for start, end, answer in found:
        part = clip[:, round(30 * start) : round(30 * end)]
        assert same(answer, recognise_joints(part, candidates))


def test_persons_may_come_and_go_in_a_stream(clip):
    candidates = choose_candidates(WORDS)
    alone = frames(clip[:1])
    changing = [frame if i % 3 else np.concatenate([frame, np.zeros_like(frame)]) for i, frame in enumerate(alone)]
    ((*_, first),) = recognise_stream(alone, candidates, window=60.0)
    ((*_, second),) = recognise_stream(changing, candidates, window=60.0)
    assert same(first, second)


def test_a_window_that_shows_nobody_has_no_answer_and_the_stream_goes_on(clip):
    nobody = [np.zeros((0, 25, 3))] * 30
    found = [
        answer for *_, answer in recognise_stream(nobody + frames(clip)[:30], choose_candidates(WORDS), window=1.0)
    ]
    assert isinstance(found[0], DataError)
    assert isinstance(found[1], Recognition)


def test_a_frame_of_another_layout_is_refused_by_its_number(clip):
    wrong = [*frames(clip)[:5], np.zeros((1, 20, 3))]
    with pytest.raises(DataError, match=r"\[person, 25, 3\], got \[1, 20, 3\] \(in frame 6\)"):
        list(recognise_stream(wrong, choose_candidates(WORDS)))


@pytest.mark.parametrize("options", [{"window": 0.0}, {"hop": -1.0}, {"rate": float("nan")}, {"window": 0.03}])
def test_a_window_without_motion_is_refused(clip, options):
    with pytest.raises(ConfigError):
        list(recognise_stream(frames(clip), choose_candidates(WORDS), **options))


def test_a_form_of_the_kit_recognises_itself():
    """A clip measured exactly as a class expects is nearest to that class."""
    from zsar_kit.primitives.compare import distances

    form = load_form("utd_mhad")
    for row in form.levels[:10]:
        apart = distances(row, form.levels)
        assert apart.min() == pytest.approx(apart[(form.levels == row).sum(1).argmax()])
    assert form.levels.shape[1] == len(attribute_names())


def test_the_doctors_command_can_be_pasted(clip, tmp_path):
    """A value that begins with a dash is no option of its own."""
    np.save(tmp_path / "a clip.npy", clip)
    opened = open_clip(tmp_path / "a clip.npy", layout="ntu25")
    said = doctor_command(opened, "a clip.npy", up="-y", accept=("missing", "units"), rate=0.0)
    assert said == "zsar data doctor 'a clip.npy' --up=-y --accept missing units --layout ntu25"
