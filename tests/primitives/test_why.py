"""Comparison of levels, and explanations: sentences, frames and joints that are true to the numbers."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from zsar_kit.data.joints import layout
from zsar_kit.primitives.attributes import attribute, attribute_names, attributes
from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.compare import FARTHEST, distances, shares_of_distance
from zsar_kit.primitives.forms import load_form
from zsar_kit.primitives.measure import levels_of, measure_bodies
from zsar_kit.primitives.moments import frame_read, joints_read, pose_at
from zsar_kit.primitives.none_of_these import NoneOfThese, none_of_these
from zsar_kit.primitives.spoken import AS_EXPECTED, amount, meaning, sentence, spoken_about
from zsar_kit.primitives.why import explain_lead

NTU = layout("ntu25")
RATE = 30.0
#: a standing body in metres: joint name to (right, up), facing along y; the left side mirrors the right one
STANDING = {
    "spine_base": (0.0, 0.9), "spine_mid": (0.0, 1.15), "spine_shoulder": (0.0, 1.4), "neck": (0.0, 1.48),
    "head": (0.0, 1.62), "shoulder": (0.18, 1.4), "elbow": (0.2, 1.1), "wrist": (0.2, 0.82), "hand": (0.2, 0.74),
    "hand_tip": (0.2, 0.66), "thumb": (0.18, 0.76), "hip": (0.09, 0.9), "knee": (0.1, 0.48), "ankle": (0.1, 0.08),
    "foot": (0.1, 0.03),
}  # fmt: skip


def standing(frames: int = 60) -> np.ndarray:
    """A body that stands still, ``[1, frame, 25, 3]``, z up."""
    pose = np.zeros((25, 3), dtype=np.float32)
    for i, name in enumerate(NTU.joints):
        side = -1.0 if name.endswith("_left") else 1.0
        across, up = STANDING[name.removesuffix("_left").removesuffix("_right")]
        pose[i] = side * across, 0.0, up
    return np.repeat(pose[None, None], frames, axis=1)


def raised(frames: int = 60, top: int = 40) -> np.ndarray:
    """The right arm goes straight up beside the body, is highest at ``top``, and comes down."""
    clip = standing(frames)
    angle = np.pi * np.clip(1 - np.abs(np.arange(frames) - top) / 18, 0, 1)
    shoulder = clip[0, 0, NTU.index("shoulder_right")]
    for name in ("elbow", "wrist", "hand", "hand_tip", "thumb"):
        i = NTU.index(f"{name}_right")
        reach = np.linalg.norm(clip[0, 0, i] - shoulder)
        arc = np.stack([np.sin(angle), 0 * angle, -np.cos(angle)], axis=-1)
        clip[0, :, i] = shoulder + reach * arc
    return clip


def bodies_of(clip: np.ndarray) -> Bodies:
    return Bodies.of([clip], "ntu25", RATE)


def test_distance_is_the_mean_over_what_both_know():
    measured = np.array([0.0, 0.5, np.nan, 1.0])
    expected = np.array([[0.5, 0.5, 0.5, np.nan], [np.nan, np.nan, 1.0, np.nan]])
    assert distances(measured, expected) == pytest.approx([0.25, FARTHEST])
    assert shares_of_distance(measured, expected)[0] == pytest.approx([0.25, 0.0, 0.0, 0.0])


def test_distances_are_those_of_the_method():
    import torch

    from zsar_kit.experiments.pipeline.primitives import level_semantics
    from zsar_kit.methods.registry import method_entry
    from zsar_kit.methods.task import Task
    from zsar_kit.primitives.measure import packed

    form = load_form("nw_ucla")
    entry = method_entry("primitives")
    semantics = {"levels": level_semantics("nw_ucla", "levels")}
    task = Task((2 * len(attributes()),), form.class_ids, semantics)
    method = entry.method(entry.presets["fixed"], task, torch.Generator())
    levels = levels_of(measure_bodies(bodies_of(raised())))
    scores = method.class_scores(torch.from_numpy(packed(levels)), form.class_ids)
    assert distances(levels[0], form.levels) == pytest.approx(scores.errors["levels"][0].numpy() - 1e-3, abs=1e-5)


@pytest.mark.parametrize("a", attributes(), ids=lambda a: a.name)
def test_words_of_every_attribute_are_whole(a):
    for level in (0.0, 0.25, 0.5, 0.75, 1.0):
        assert meaning(a, level)
        assert "(0." not in meaning(a, level)
        assert "nan" not in amount(a, a.value(level))
    assert "least distance" not in spoken_about(a) or "minus" not in spoken_about(a)


def test_a_meaning_between_two_levels_names_both_and_an_aside_replaces_it():
    squat = attribute("hips_down")
    assert meaning(squat, 1.2) == squat.one
    assert meaning(squat, 0.25) == "a slight bend of the knees"
    assert meaning(squat, 0.75) == "between “a deep half squat” and “sits, or squats fully, or lower”"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("hand_mouth", -0.3, "0.3 T"),
        ("lead_hand_raised", 0.4, "40 %"),
        ("reversals_lateral", 1.0, "once"),
        ("reversals_lateral", 2.5, "2.5 times"),
        ("lean_forward", 44.6, "45 degrees"),
        ("sweep", -0.04, "0.0 T/s"),
        ("winding", 1.94, "1.9 turns"),
    ],
)
def test_amounts(name, value, said):
    assert amount(attribute(name), value) == said


def test_a_level_in_words_is_its_meaning_or_what_it_lies_between():
    twist = attribute("twist")
    assert [meaning(twist, level) for level in (0.0, 0.5, 1.0)] == [twist.zero, twist.half, twist.one]
    assert meaning(twist, 0.75) == f"between “{twist.half}” and “{twist.one}”"
    assert meaning(attribute("lead_hand_forward"), 0.25) == "close before it"  # the list has words for it
    assert (meaning(twist, -0.2), meaning(twist, 1.25)) == (twist.zero, twist.one)
    assert meaning(twist, float("nan")) == "unknown"


def test_a_sentence_says_as_expected_only_within_half_a_step():
    a = attribute("hips_down")
    for level in np.linspace(0.0, 1.0, 21):
        text = sentence(a, a.value(0.5), (float(level), math.nan), ("squat", "lunge"))
        assert ("as *squat* expects" in text) == (abs(level - 0.5) <= AS_EXPECTED + 1e-6)
        assert "*lunge* leaves it open" in text


def test_a_class_name_is_text_and_never_markup():
    text = sentence(attribute("turn"), 20.0, (0.0, 1.0), ("<b>x</b> *y*", "a|b"))
    assert "<b>" not in text
    assert "\\*y\\*" in text


def test_the_frame_is_the_one_at_which_the_hand_is_highest():
    bodies = bodies_of(raised(top=40))
    assert abs(frame_read(bodies, "lead_hand_highest") - 40) <= 1
    assert joints_read(bodies, "lead_hand_highest")[0] == "shoulder_right"
    assert joints_read(bodies, "other_hand_highest")[0] == "shoulder_left"


def test_an_attribute_of_the_whole_act_is_shown_in_its_middle():
    bodies = bodies_of(raised(top=40))
    start, end = (int(frame[0]) for frame in bodies.act)
    for name in ("lead_hand_mean_height", "winding", "repetitions"):
        assert frame_read(bodies, name) == (start + end) // 2


@pytest.mark.parametrize("name", attribute_names())
def test_every_attribute_has_a_frame_within_the_clip_and_joints_that_exist(name):
    bodies = bodies_of(raised(frames=61))
    assert 0 <= frame_read(bodies, name) < 61
    assert joints_read(bodies, name)
    assert set(joints_read(bodies, name)) <= set(NTU.joints)


def test_noting_frames_changes_no_value():
    bodies = bodies_of(raised())
    before = measure_bodies(bodies)
    for name in attribute_names():
        frame_read(bodies, name)
    assert np.array_equal(before, measure_bodies(bodies), equal_nan=True)


def test_the_pose_is_in_the_performers_own_axes():
    bodies = bodies_of(raised(top=40))
    (pose,) = pose_at(bodies, 40)
    hips, hand = pose[NTU.index("spine_base")], pose[NTU.index("hand_right")]
    assert hips == pytest.approx([0, 0, 0], abs=1e-6)
    assert hand[0] > 0
    assert hand[2] > pose[NTU.index("head")][2]
    assert pose[NTU.index("spine_shoulder")][2] == pytest.approx(1.0, abs=0.01)


def explained(**options):
    bodies = bodies_of(raised())
    values = measure_bodies(bodies)[0]
    rows = load_form("utd_mhad").select((2, 26)).levels
    shares = shares_of_distance(levels_of(values[None])[0], rows)
    return explain_lead(bodies, values, shares, rows, ("Wave", "Squat"), clip="clip", **options), shares, values


def test_reasons_are_the_largest_parts_of_the_lead_and_the_lead_is_their_sum():
    explanation, shares, values = explained(count=200)
    lead = shares[1] - shares[0]
    assert [r.lead for r in explanation.reasons] == sorted(lead[lead > 0], reverse=True)
    assert explanation.against[0].lead == pytest.approx(lead.min())
    assert sum(lead) == pytest.approx(explanation.distances[1] - explanation.distances[0])
    for reason in explanation.reasons:
        assert reason.value == values[attribute_names().index(reason.attribute)]


def test_every_number_of_a_sentence_is_measured_or_expected():
    explanation, _, _ = explained(count=200)
    assert len(explanation.reasons) > 20
    for reason in explanation.reasons:
        a = attribute(reason.attribute)
        assert f": {amount(a, reason.value)}" in reason.text
        for level, name in zip(reason.expected, ("Wave", "Squat"), strict=True):
            if math.isnan(level):
                assert f"*{name}* leaves it open" in reason.text
            elif f"as *{name}* expects" in reason.text:
                assert abs(reason.level - level) <= AS_EXPECTED + 1e-6
                assert meaning(a, level) in reason.text
            else:
                assert abs(reason.level - level) > AS_EXPECTED - 1e-6
                assert f"*{name}* expects {amount(a, a.value(level))}: {meaning(a, level)}" in reason.text


def test_an_explanation_says_whether_it_is_right():
    assert "; right" in str(explained(truth="Wave")[0])
    assert "; wrong: the clip shows *Squat*" in str(explained(truth="Squat")[0])
    assert "right" not in str(explained()[0]).split(".")[0]


def test_probabilities_grow_with_the_margin_and_fall_with_the_distance():
    constants = none_of_these()
    assert constants.distance < 0 < constants.margin
    near, far = np.array([0.10, 0.2, 0.3]), np.array([0.20, 0.3, 0.4])
    assert constants.one_of_these(near) > constants.one_of_these(far)
    assert constants.one_of_these(near) > constants.one_of_these(np.array([0.10, 0.11, 0.3]))
    classes = constants.classes(near)
    assert classes.sum() == pytest.approx(1.0)
    assert (np.diff(classes) < 0).all()


def test_probabilities_are_the_logistic_and_the_softmax_of_their_equation():
    constants = NoneOfThese(bias=0.5, distance=-3.0, margin=2.0, candidates=0.1, temperature=0.5)
    apart = np.array([0.4, 0.1, 0.9])
    logit = 0.5 - 3.0 * 0.1 + 2.0 * 0.3 + 0.1 * math.log(3)
    assert constants.one_of_these(apart) == pytest.approx(1 / (1 + math.exp(-logit)))
    weights = [math.exp(-d / 0.5) for d in apart]
    assert constants.classes(apart) == pytest.approx([w / sum(weights) for w in weights])


def test_the_constants_are_of_these_attributes_and_forms():
    import tomllib
    from importlib.resources import files

    from zsar_kit.primitives.attributes import VERSION, attributes_digest

    text = files("zsar_kit.primitives").joinpath("resources/none_of_these.toml").read_text(encoding="utf-8")
    about = tomllib.loads(text)["provenance"]
    remake = "run: python -m benchmarks.recognise_constants --write"
    assert about["attributes"] == attributes_digest(), remake
    assert about["measured_by"] == VERSION, remake
    for dataset in ("utd_mhad", "nw_ucla", "kinder_gator"):
        assert about[dataset]["form"] == load_form(dataset).digest(), remake


def test_the_page_states_the_areas_of_the_constants():
    import tomllib
    from importlib.resources import files
    from pathlib import Path

    text = files("zsar_kit.primitives").joinpath("resources/none_of_these.toml").read_text(encoding="utf-8")
    page = (Path(__file__).parents[2] / "docs" / "recognise.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (UTD-MHAD|NW-UCLA|Kinder-Gator) \|(.*)\|$", page, re.MULTILINE)
    said = {name.lower().replace("-", "_"): [cell.strip() for cell in cells.split("|")] for name, cells in rows}
    for dataset, areas in tomllib.loads(text)["auroc"].items():
        inner = [f"{value:.2f}" for n, value in areas.items()][:-1]
        (most, last) = list(areas.items())[-1]
        assert [cell for cell in said[dataset] if cell] == [*inner, f"{last:.2f} ({most})"]


@pytest.mark.parametrize(("lead", "shown"), [(0.1, "(+130 %)"), (0.004, "(+0.1300)"), (0.0, "(+0.1300)")])
def test_parts_of_a_near_tie_are_points(lead, shown):
    """Percent of next to nothing would be thousands, and those of nothing are not defined."""
    bodies = bodies_of(raised())
    shares = np.zeros((2, len(attributes())))
    shares[1, 0], shares[0, 1] = 0.13, 0.13 - lead
    expected = np.full(shares.shape, 0.5)
    found = explain_lead(bodies, measure_bodies(bodies)[0], shares, expected, ("a", "b"), clip="clip")
    assert shown in str(found)
    assert ("in percent of the lead:" in str(found)) is (lead == 0.1)
    assert (f"in points of distance, as the lead of {lead:.4f} is next to nothing:" in str(found)) is (lead < 0.1)
    wrong = replace(found, runner_up="c", truth="b", misled=found)
    assert str(wrong).count(shown) == 2
