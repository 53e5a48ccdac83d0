"""Rows of result tables: the runs of one method in one case, over their seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.evaluation.statistics import Summary, summarize
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.result import RunResult
from zsar_kit.experiments.studies.suite import Case, SuiteRun


@dataclass(frozen=True)
class ResultRow:
    """One method in one case, over its seeds.

    Attributes:
        case: data set and split.
        title: the method's name in tables.
        baseline: whether the method is a baseline.
        zsl, seen, unseen, harmonic, ausuc: micro accuracies in percent, mean and Student-t interval over seeds.
        zsl_macro: ZSL accuracy averaged over classes.
        zsl_interval, harmonic_interval: bootstrap over subjects, bounds averaged over the seeds.
        n_unseen, n_seen: numbers of test samples.
        chance: ZSL accuracy of random guessing, percent.
        selection, text_use, encoder: the marks that every table shows; joined if the runs of a row differ.
        synthetic: whether the data are synthetic.
        seen_twin_merged: S with twins counted as one class; ``None`` if the data set has no twins.
        seeds: one per run.
        selections: for traced runs, ZSL and H of each run for each way of selecting.
        calibration: how gamma was chosen, with caveats.
    """

    case: Case
    title: str
    baseline: bool
    zsl: Summary
    zsl_macro: Summary
    seen: Summary
    unseen: Summary
    harmonic: Summary
    ausuc: Summary
    zsl_interval: tuple[float, float] | None
    harmonic_interval: tuple[float, float] | None
    n_unseen: int
    n_seen: int
    chance: float
    selection: str
    text_use: str
    encoder: str
    synthetic: bool
    seen_twin_merged: Summary | None = None
    seeds: tuple[int, ...] = ()
    selections: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    calibration: str = "pseudo_unseen"

    def __repr__(self) -> str:
        case = f"{self.case.dataset} {self.case.split}"
        return f"ResultRow({case}, {self.title!r}, {len(self.seeds)} seeds: ZSL {self.zsl}, H {self.harmonic})"


def result_rows(runs: Iterable[SuiteRun]) -> list[ResultRow]:
    """Group finished runs by case and method, in the order given."""
    groups: dict[tuple[Case, str], list[SuiteRun]] = {}
    for one in runs:
        groups.setdefault((one.case, one.row.title), []).append(one)
    return [_row(members[0], [one.folder.result() for one in members]) for members in groups.values()]


def runs_titled(runs: Iterable[SuiteRun], title: str) -> list[RunFolder]:
    """The runs of one method of a suite, by its title.

    Raises:
        ConfigError: no run has this title.
    """
    runs = list(runs)
    titles = dict.fromkeys(one.row.title for one in runs)
    if title not in titles:
        raise ConfigError(f"no method is titled {title!r}", where="suite", remedy=nearest_name(title, list(titles)))
    return [one.folder for one in runs if one.row.title == title]


def _row(first: SuiteRun, results: Sequence[RunResult]) -> ResultRow:
    evaluations = [r.evaluation for r in results]
    micro = {key: summarize([getattr(e.micro, key) for e in evaluations]) for key in MICRO}
    return ResultRow(
        case=first.case,
        title=first.row.title,
        baseline=first.row.baseline,
        **micro,
        zsl_macro=summarize([e.macro.zsl for e in evaluations]),
        zsl_interval=_mean_interval([e.zsl_interval for e in evaluations]),
        harmonic_interval=_mean_interval([e.harmonic_interval for e in evaluations]),
        n_unseen=evaluations[0].n_unseen_test,
        n_seen=evaluations[0].n_seen_test,
        chance=evaluations[0].chance,
        selection=_marks(r.selection for r in results),
        text_use=_marks(r.text_use for r in results),
        calibration=_marks(r.calibration for r in results),
        encoder=_marks(r.encoder_mark for r in results),
        synthetic=results[0].synthetic,
        seen_twin_merged=_merged([e.seen_twin_merged for e in evaluations]),
        seeds=tuple(r.seed for r in results),
        selections=_selections(results),
    )


def _marks(marks: Iterable[str]) -> str:
    """The mark of a row's runs; different marks are joined, so that none is hidden."""
    return MARK_JOINT.join(dict.fromkeys(marks))


def _merged(values: Sequence[float | None]) -> Summary | None:
    known = [v for v in values if v is not None]
    return summarize(known) if len(known) == len(values) else None


def _selections(results: Sequence[RunResult]) -> dict[str, dict[str, list[float]]]:
    """The ZSL and H of each selection that every run has."""
    found: dict[str, dict[str, list[float]]] = {}
    for name in SELECTIONS:
        micro = [r.selections[name].evaluation.micro for r in results if name in r.selections]
        if len(micro) == len(results):
            found[name] = {"zsl": [m.zsl for m in micro], "harmonic": [m.harmonic for m in micro]}
    return found


def _mean_interval(intervals: Sequence[Sequence[float] | None]) -> tuple[float, float] | None:
    bounds = [i for i in intervals if i is not None]
    if not bounds:
        return None
    low, high = np.mean(np.array(bounds), axis=0)
    return float(low), float(high)


#: separates the marks of a row whose runs differ
MARK_JOINT = " / "


MICRO = ("zsl", "seen", "unseen", "harmonic", "ausuc")
SELECTIONS = ("last", "pseudo_unseen", "test_oracle")
