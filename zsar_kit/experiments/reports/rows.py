"""Rows of result tables: the runs of one method in one case, over their seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from zsar_kit.errors import ConfigError, DataError, nearest_name
from zsar_kit.evaluation.statistics import Summary, summarize
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.result import RunResult
from zsar_kit.experiments.studies.suite import Case, SuiteRun
from zsar_kit.primitives.forms import form_datasets


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
        trainings: seeds of the encoder's trainings, if the row is a mean over them: intervals are then Student's t over
            the trainings, after the mean over the method's seeds.
        zsl_spread, harmonic_spread: of such a row, standard deviation over the method's seeds, pooled over the
            trainings; ``None`` with a single seed.
        folds: numbers of pseudo-unseen folds of its runs.
        semantics: what stands for a class: ``texts``, or levels and who foretold them.
        notes: what was said beside the runs' numbers, and of how many runs.
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
    trainings: tuple[int, ...] = ()
    zsl_spread: float | None = None
    harmonic_spread: float | None = None
    folds: tuple[int, ...] = ()
    semantics: str = "texts"
    notes: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        case = f"{self.case.dataset} {self.case.split}"
        return f"ResultRow({case}, {self.title!r}, {len(self.seeds)} seeds: ZSL {self.zsl}, H {self.harmonic})"


def result_rows(runs: Iterable[SuiteRun], *, over_trainings: bool = False) -> list[ResultRow]:
    """Group finished runs by case and method, in the order given.

    Args:
        runs: finished runs.
        over_trainings: one row for all trainings of the encoder; otherwise each is a case of its own.

    Raises:
        DataError: a run would count twice.
    """
    groups: dict[tuple[Case, str], dict[int | None, list[RunResult]]] = {}
    firsts: dict[tuple[Case, str], SuiteRun] = {}
    for one in runs:
        training = one.case.encoder_seed if over_trainings else None
        case = replace(one.case, encoder_seed=None) if over_trainings else one.case
        key = (case, one.row.title)
        members = groups.setdefault(key, {}).setdefault(training, [])
        firsts.setdefault(key, one._replace(case=case))
        result = one.folder.result()
        if result.seed in [r.seed for r in members]:
            problem = f"two runs of {one.row.title!r} have seed {result.seed}, which would count twice"
            raise DataError(problem, where=one.folder.path, remedy="Give each run once.")
        members.append(result)
    return [_row(firsts[key], by_training) for key, by_training in groups.items()]


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


def _row(first: SuiteRun, by_training: Mapping[int | None, Sequence[RunResult]]) -> ResultRow:
    results = [r for members in by_training.values() for r in members]
    evaluations = [r.evaluation for r in results]
    trainings = tuple(seed for seed in by_training if seed is not None)
    evaluated = [[r.evaluation for r in members] for members in by_training.values()]
    micro = {key: summary_over_trainings([[getattr(e.micro, key) for e in es] for es in evaluated]) for key in MICRO}
    return ResultRow(
        case=first.case,
        title=first.row.title,
        baseline=first.row.baseline,
        **micro,
        zsl_macro=summary_over_trainings([[e.macro.zsl for e in es] for es in evaluated]),
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
        seen_twin_merged=_merged([[e.seen_twin_merged for e in es] for es in evaluated]),
        seeds=tuple(dict.fromkeys(r.seed for r in results)) if trainings else tuple(r.seed for r in results),
        selections=_selections(list(by_training.values())),
        trainings=trainings,
        zsl_spread=_spread([[e.micro.zsl for e in es] for es in evaluated]) if trainings else None,
        harmonic_spread=_spread([[e.micro.harmonic for e in es] for es in evaluated]) if trainings else None,
        folds=tuple(sorted({len(r.folds) for r in results})),
        semantics=_marks(semantics_of(r) for r in results),
        notes=dict(Counter(note for r in results for note in dict.fromkeys(r.notes))),
    )


def semantics_of(result: RunResult) -> str:
    """What stood for a class in a run: texts, expected levels of primitives by author, or both."""
    named = LEVELS_BY if result.dataset in form_datasets() else LEVELS_BY | {"levels": "levels, a form of one's own"}
    sets = dict.fromkeys(named.get(name, "texts") for name in result.semantics_folders)
    return " and ".join(sets) or "texts"


def summary_over_trainings(values: Sequence[Sequence[float]]) -> Summary:
    """Over the trainings, after the mean over a training's seeds; over the seeds where there is one training."""
    return summarize(values[0] if len(values) == 1 else [float(np.mean(v)) for v in values])


def _spread(values: Sequence[Sequence[float]]) -> float | None:
    """Standard deviation over the seeds, pooled over the trainings."""
    squares = [float(np.square(np.subtract(v, np.mean(v))).sum()) for v in values]
    freedom = sum(len(v) - 1 for v in values)
    return float(np.sqrt(sum(squares) / freedom)) if freedom else None


def _marks(marks: Iterable[str]) -> str:
    """The mark of a row's runs; different marks are joined, so that none is hidden."""
    return MARK_JOINT.join(dict.fromkeys(marks))


def _merged(values: Sequence[Sequence[float | None]]) -> Summary | None:
    known = [[v for v in of_training if v is not None] for of_training in values]
    return summary_over_trainings(known) if [len(k) for k in known] == [len(v) for v in values] else None


def _selections(by_training: Sequence[Sequence[RunResult]]) -> dict[str, dict[str, list[float]]]:
    """The ZSL and H of each selection that every run has: of each run, or of several trainings their means."""
    found: dict[str, dict[str, list[float]]] = {}
    for name in SELECTIONS:
        if all(name in r.selections for results in by_training for r in results):
            micro = [[r.selections[name].evaluation.micro for r in results] for results in by_training]
            values = {
                "zsl": [[m.zsl for m in ms] for ms in micro],
                "harmonic": [[m.harmonic for m in ms] for ms in micro],
            }
            found[name] = {
                key: list(v[0]) if len(v) == 1 else [float(np.mean(one)) for one in v] for key, v in values.items()
            }
    return found


def _mean_interval(intervals: Sequence[Sequence[float] | None]) -> tuple[float, float] | None:
    bounds = [i for i in intervals if i is not None]
    if not bounds:
        return None
    low, high = np.mean(np.array(bounds), axis=0)
    return float(low), float(high)


#: sets of expected levels, as tables name them
LEVELS_BY = {
    "levels": "levels, two authors",
    "levels_first": "levels, first author",
    "levels_second": "levels, second author",
    "levels_foretold": "levels, foretold from texts",
}
#: separates the marks of a row whose runs differ
MARK_JOINT = " / "


MICRO = ("zsl", "seen", "unseen", "harmonic", "ausuc")
SELECTIONS = ("last", "pseudo_unseen", "test_oracle")
