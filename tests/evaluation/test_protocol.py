"""The protocol as a whole: definitions, invariances, chance, and bad input."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from zsar_kit.errors import DataError, SplitError
from zsar_kit.evaluation import metrics
from zsar_kit.evaluation.calibration import CalibratedStacking, RatioGate
from zsar_kit.evaluation.protocol import class_differences, evaluate
from zsar_kit.evaluation.scores import Scores


def run(problem, **changes):
    arguments = {key: getattr(problem, key) for key in ("scores", "labels", "subjects", "split")}
    return evaluate(**{**arguments, "calibration": CalibratedStacking(0.6), **changes})


def test_every_number_is_what_a_loop_counts(problem):
    result = run(problem)
    values, classes, split = problem.scores.fused(), problem.scores.classes, problem.split
    hits = {"zsl": {}, "gzsl": {}}
    for row, label in zip(values, problem.labels, strict=True):
        calibrated = {c: v - 0.6 * (c in split.seen) for c, v in zip(classes, row, strict=True)}
        hits["gzsl"].setdefault(label, []).append(max(calibrated, key=calibrated.get) == label)
        if label in split.unseen:
            among = {c: calibrated[c] for c in split.unseen}
            hits["zsl"].setdefault(label, []).append(max(among, key=among.get) == label)

    def micro(kind, domain):
        return 100 * np.mean([hit for c in domain for hit in hits[kind][c]])

    def macro(kind, domain):
        return 100 * np.mean([np.mean(hits[kind][c]) for c in domain])

    for average, found in ((micro, result.micro), (macro, result.macro)):
        s, u = average("gzsl", split.seen), average("gzsl", split.unseen)
        assert found.zsl == pytest.approx(average("zsl", split.unseen))
        assert (found.seen, found.unseen) == pytest.approx((s, u))
        assert found.harmonic == pytest.approx(2 * s * u / (s + u))
        area = metrics.ausuc(problem.scores, problem.labels, split.seen, macro=average is macro)
        assert found.ausuc == pytest.approx(100 * area)
    assert result.micro.ausuc != result.macro.ausuc
    assert result.per_class == pytest.approx({c: 100 * np.mean(hits["zsl"][c]) for c in split.unseen})
    assert result.per_class_gzsl == pytest.approx({c: 100 * np.mean(hits["gzsl"][c]) for c in classes})
    assert result.chance == pytest.approx(100 / 3)
    assert result.n_unseen_test + result.n_seen_test == 60
    assert result.confusion.sum() == result.n_unseen_test
    assert np.trace(result.confusion) / result.n_unseen_test * 100 == pytest.approx(result.micro.zsl)


def test_order_of_samples_and_columns_and_a_shift_per_sample_change_nothing(problem):
    generator = np.random.default_rng(1)
    rows, columns = generator.permutation(60), generator.permutation(7)
    values = problem.scores.fused() + generator.normal(size=(60, 1))
    shuffled = Scores(
        {"h": values[rows][:, columns]},
        tuple(np.array(problem.scores.classes)[columns].tolist()),
        tuple(np.array(problem.scores.samples)[rows].tolist()),
    )
    first = run(problem)
    second = run(problem, scores=shuffled, labels=problem.labels[rows], subjects=problem.subjects[rows])
    assert asdict(first.micro) == pytest.approx(asdict(second.micro))
    assert asdict(first.macro) == pytest.approx(asdict(second.macro))
    assert np.array_equal(first.confusion, second.confusion)
    assert first.zsl_interval == pytest.approx(second.zsl_interval)
    assert first.harmonic_interval == pytest.approx(second.harmonic_interval)


def test_renaming_all_classes_changes_nothing_but_names(problem, make_split):
    rename = {c: 100 - c for c in problem.scores.classes}
    renamed = replace(
        problem,
        scores=Scores(problem.scores.heads, tuple(rename.values()), problem.scores.samples),
        labels=np.array([rename[c] for c in problem.labels]),
        split=make_split(tuple(rename[c] for c in problem.split.seen), tuple(rename[c] for c in problem.split.unseen)),
    )
    assert run(renamed).to_dict()["micro"] == run(problem).to_dict()["micro"]


def test_scores_that_know_nothing_fall_to_chance(build_problem):
    problem = build_problem(samples=4200)
    noise = np.random.default_rng(3).normal(size=(4200, 7))
    scores = Scores({"h": noise}, problem.scores.classes, problem.scores.samples)
    result = run(problem, scores=scores, calibration=None)
    assert result.micro.zsl == pytest.approx(result.chance, abs=3.5)
    assert result.micro.unseen == pytest.approx(100 / 7, abs=2.5)
    assert result.zsl_interval is not None
    assert result.zsl_interval[0] < result.chance < result.zsl_interval[1]


def test_excluded_classes_take_no_part(build_problem, make_split):
    whole = build_problem()
    split = make_split((3, 7, 13), (2, 5, 11), classes=18)
    kept = whole.labels != 17
    without = whole.scores.restrict(split.seen + split.unseen).select(kept)
    first = run(whole, split=split)
    second = run(whole, split=split, scores=without, labels=whole.labels[kept], subjects=whole.subjects[kept])
    assert first.to_dict() == second.to_dict()


def test_intervals_hold_their_estimate_and_follow_the_seed(problem):
    result, again, other = run(problem), run(problem), run(problem, seed=1)
    for interval, value in (
        (result.zsl_interval, result.micro.zsl),
        (result.harmonic_interval, result.micro.harmonic),
    ):
        assert interval is not None
        assert interval[0] <= value <= interval[1]
    assert result.zsl_interval == again.zsl_interval != other.zsl_interval
    lonely = run(problem, subjects=np.zeros(60))
    assert lonely.zsl_interval is None
    assert lonely.harmonic_interval is None
    assert lonely.n_subjects == 1


def test_two_heads_are_fused_and_their_union_stands_apart(problem, build_problem):
    result = run(build_problem(heads=2))
    assert result.oracle_union is not None
    assert result.oracle_union > result.micro.zsl
    assert run(problem).oracle_union is None


def test_scores_for_zsl_alone_change_zsl_alone(problem):
    scores, split = problem.scores, problem.split
    reverse = replace(scores, heads={name: -head for name, head in scores.heads.items()}, errors={})
    plain, both = run(problem), run(problem, zsl=reverse.restrict(split.unseen))
    alone = run(problem, scores=reverse)
    assert both.per_class == alone.per_class != plain.per_class
    assert both.micro == replace(plain.micro, zsl=alone.micro.zsl)
    assert both.micro != plain.micro
    np.testing.assert_array_equal(both.confusion, alone.confusion)
    assert (both.zsl_interval, both.harmonic_interval) == (alone.zsl_interval, plain.harmonic_interval)
    with pytest.raises(DataError, match="of the same samples"):
        run(problem, zsl=replace(reverse, samples=tuple(reversed(reverse.samples))))


def test_ratio_gate_goes_through_the_protocol(problem):
    result = run(problem, calibration=RatioGate(0.7))
    assert result.calibration["kind"] == "ratio"
    assert 0 < result.micro.harmonic < 100


def test_the_record_is_json_with_every_attribute(problem):
    record = json.loads(json.dumps(run(problem).to_dict(), allow_nan=False))
    assert set(record["micro"]) == {"zsl", "seen", "unseen", "harmonic", "ausuc"}
    assert record["confusion"]["classes"] == list(problem.split.unseen)
    assert set(record["per_class"]) == {str(c) for c in problem.split.unseen}


def test_a_class_without_samples_is_null_and_not_zero(problem):
    kept = problem.labels != 2
    result = run(
        problem,
        scores=problem.scores.select(kept),
        labels=problem.labels[kept],
        subjects=problem.subjects[kept],
    )
    assert result.to_dict()["per_class"]["2"] is None


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"labels": np.zeros(3, int)}, DataError, r"one entry per sample, 60, got shape \(3,\).*labels"),
        ({"subjects": np.zeros(3)}, DataError, r"one entry per sample, 60.*subjects"),
        ({"labels": np.zeros(60)}, DataError, "integer class ids, got float64"),
        ({"labels": np.full(60, 99)}, SplitError, "label 99.*0-based"),
        ({"labels": np.full(60, 2)}, DataError, "no test sample of the seen classes"),
        ({"labels": np.full(60, 3)}, DataError, "no test sample of the unseen classes"),
        ({"split": ((3, 7), (2, 5, 11))}, SplitError, "a column for class 13"),
        ({"split": ((3, 7, 13, 17), (2, 5, 11, 23))}, SplitError, "no column for class 23"),
    ],
)
def test_bad_input_is_refused(problem, make_split, changes, error, message):
    if "split" in changes:
        changes = {"split": make_split(*changes["split"])}
    with pytest.raises(error, match=message):
        run(problem, **changes)


def test_twins_count_as_one_class_in_the_merged_s_alone(build_problem, make_split):
    """Kinder-Gator's classes 0 and 1 are twins; its class 5 has none."""
    problem = build_problem(seed=1, samples=140)
    names = {2: 5, 3: 0, 5: 8, 7: 1, 11: 10, 13: 6, 17: 9}  # the problem's ids as those of Kinder-Gator
    ids = tuple(names[c] for c in problem.scores.classes)
    scores = Scores(problem.scores.heads, ids, problem.scores.samples)
    labels = np.array([names[c] for c in problem.labels])
    split = make_split((0, 1, 6, 9), (5, 8, 10), dataset="kinder_gator")
    result = run(problem, scores=scores, labels=labels, split=split)
    predicted = CalibratedStacking(0.6).predict(scores, np.isin(ids, split.seen))
    seen = np.isin(labels, split.seen)
    merged = [p == y or {p, y} == {0, 1} for p, y in zip(predicted[seen], labels[seen], strict=True)]
    assert result.seen_twin_merged == pytest.approx(100 * np.mean(merged))
    assert result.seen_twin_merged > result.micro.seen
    assert result.harmonic_twin_merged == pytest.approx(
        metrics.harmonic_mean(100 * float(np.mean(merged)), result.micro.unseen)
    )
    assert run(problem).seen_twin_merged is None


def test_class_differences_are_sorted_and_need_the_same_split():
    a = {"dataset": "d", "split": "s", "per_class": {"3": 50.0, "1": 80.0, "2": None}}
    b = {"dataset": "d", "split": "s", "per_class": {"3": 60.0, "1": 40.0, "2": 10.0}}
    assert class_differences(a, b) == [(1, 40.0), (3, -10.0)]
    with pytest.raises(DataError, match="'s' and 't'"):
        class_differences(a, {**b, "split": "t"})
