"""The choice on the folds, on curves made by hand: the mean decides, a tie goes to the middle of its plateau."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zsar_kit.experiments.runs.grid import (
    choice_records,
    choose_candidate,
    end_note,
    grid_extension,
    plateau_middle,
)
from zsar_kit.experiments.runs.result import Candidate
from zsar_kit.methods.baselines import LinearCosineConfig, RidgeConfig

NOT_CENTRED = RidgeConfig(centred=False)


def curve(*means: float, folds: int = 1) -> np.ndarray:
    """Accuracies of ordered candidates, the same on every fold."""
    return np.repeat(np.array(means, dtype=float)[:, None], folds, axis=1)


def on_folds(configs, *means: float) -> dict[Candidate, np.ndarray]:
    assert len(configs) == len(means)
    return {Candidate(i): np.full(2, float(m)) for i, m in enumerate(means)}


@pytest.mark.parametrize(
    ("means", "chosen"),
    [
        ((10, 20, 60, 30, 20), 2),  # a peak
        ((10, 60, 60, 60, 20), 2),  # the middle of a plateau, not its first
        ((10, 60, 60, 20), 1),  # the lower one of two
        ((60, 60, 60, 60, 60), 2),
        ((60, 10, 60, 60, 60), 3),  # of two plateaus the wider one
        ((60, 10, 60), 0),  # of equal ones the first
        ((5,), 0),
    ],
)
@pytest.mark.parametrize("folds", [1, 8])
def test_the_middle_of_the_widest_plateau_of_the_best_mean(means, chosen, folds):
    assert plateau_middle(curve(*means, folds=folds)) == chosen


def test_the_mean_over_the_folds_decides_and_not_a_single_fold():
    accuracy = np.array([[90.0, 10.0, 20.0], [50.0, 50.0, 50.0], [0.0, 95.0, 20.0]])
    assert accuracy.mean(1).argmax() == plateau_middle(accuracy) == 1


def test_what_is_within_the_noise_of_the_best_belongs_to_its_plateau():
    """Differences 2 ± 3: standard error sqrt(var / n) > 2. The same difference without noise is a difference."""
    best = np.array([50.0, 50.0, 50.0, 50.0])
    noisy = best - np.array([6.0, -2.0, 6.0, -2.0])  # mean difference 2, standard error 4.62 / 2 = 2.31
    assert plateau_middle(np.stack([noisy, noisy, best])) == 1
    assert plateau_middle(np.stack([best - 2, best - 2, best])) == 2
    worse = best - np.array([7.0, -1.0, 7.0, -1.0])  # mean difference 3, the same standard error
    assert plateau_middle(np.stack([worse, worse, best])) == 2
    # A gap ends the plateau, whatever lies beyond.
    assert plateau_middle(np.stack([noisy, best - 20, best, noisy])) == 2


def test_the_line_of_the_best_mean_is_chosen_first():
    configs = RidgeConfig(penalties=(0.1, 1.0, 10.0)).grid()
    assert [c.centred for c in configs] == [False] * 3 + [True] * 3
    chosen = choose_candidate(configs, on_folds(configs, 50, 50, 50, 10, 10, 51))
    assert configs[chosen.config] == replace(configs[0], penalty=10.0, centred=True)
    chosen = choose_candidate(configs, on_folds(configs, 50, 50, 50, 10, 10, 50))
    assert configs[chosen.config] == replace(configs[0], penalty=1.0, centred=False)


def test_two_configs_without_an_axis_are_no_plateau():
    configs = LinearCosineConfig().grid()
    assert [c.centred for c in configs] == [False, True]
    assert choose_candidate(configs, on_folds(configs, 40, 41)) == Candidate(1)
    assert choose_candidate(configs, on_folds(configs, 41, 41)) == Candidate(0)
    assert grid_extension(configs, on_folds(configs, 40, 41)) == []
    assert end_note(configs, on_folds(configs, 40, 41)) == ""


def test_traced_points_are_in_order_and_the_end_is_the_last():
    means = {None: 60, 3: 60, 2: 60, 1: 10}
    accuracy = {Candidate(0, point): np.full(2, float(mean)) for point, mean in means.items()}
    assert choose_candidate([NOT_CENTRED], accuracy) == Candidate(0, 3)


def penalties(configs) -> list[float]:
    return [c.penalty for c in configs]


def test_a_grid_goes_on_as_it_began_where_the_best_is_an_end():
    configs = NOT_CENTRED.grid()
    rising, falling = range(8), range(8, 0, -1)
    assert penalties(grid_extension(configs, on_folds(configs, *rising))) == [30.0]
    assert penalties(grid_extension(configs, on_folds(configs, *falling))) == [0.001]
    assert penalties(grid_extension(configs, on_folds(configs, 9, *[1] * 6, 9))) == [0.001, 30.0]
    assert grid_extension(configs, on_folds(configs, 1, 9, *[1] * 5, 9)) == []  # the best is interior too
    more = [*configs, replace(configs[0], penalty=30.0)]
    assert penalties(grid_extension(more, on_folds(more, *range(9)))) == [100.0]
    two = replace(NOT_CENTRED, penalties=(0.1, 0.2)).grid()
    assert penalties(grid_extension(two, on_folds(two, 1, 2))) == [0.4]


def test_only_the_line_of_the_best_is_extended():
    configs = RidgeConfig(penalties=(0.1, 1.0, 10.0)).grid()
    (new,) = grid_extension(configs, on_folds(configs, 9, 1, 1, 1, 2, 10))
    assert (new.penalty, new.centred) == (100.0, True)


def test_extension_ends_at_an_interior_best_or_at_the_bound():
    """The grid meets a curve whose best is at 300, and one that rises for ever."""
    for best, last, note in ((300.0, 1000.0, ""), (1e9, 1000.0, "the best penalty on the folds, 1000, is an end")):
        configs = NOT_CENTRED.grid()
        while True:
            accuracy = {Candidate(i): np.full(2, -abs(np.log(c.penalty / best))) for i, c in enumerate(configs)}
            if not (new := grid_extension(configs, accuracy)):
                break
            configs = [*configs, *new]
        assert max(penalties(configs)) == last
        said = end_note(configs, accuracy)
        assert said.startswith(note) if note else said == ""
        assert configs[choose_candidate(configs, accuracy).config].penalty == min(best, last)


def test_a_given_penalty_is_neither_extended_nor_said_to_be_an_end():
    configs = RidgeConfig(penalty=0.1).grid()
    assert grid_extension(configs, on_folds(configs, 1, 2)) == []
    assert end_note(configs, on_folds(configs, 1, 2)) == ""


def test_records_say_what_differed_and_how_each_fold_went():
    configs = RidgeConfig(penalties=(0.1, 1.0)).grid()[:2]
    records = choice_records(configs, {Candidate(0): np.array([1.0, 2.0]), Candidate(1): np.array([3.0, 4.0])})
    assert records == (
        {"config": {"penalty": 0.1}, "point": None, "folds": [1.0, 2.0]},
        {"config": {"penalty": 1.0}, "point": None, "folds": [3.0, 4.0]},
    )
