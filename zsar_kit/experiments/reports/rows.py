"""Rows of result tables: the runs of one method in one case, over their seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.evaluation.statistics import Summary, summarize
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.suite import Case, MethodRow


@dataclass(frozen=True)
class ResultRow:
    """One method in one case, over its seeds.

    Attributes:
        case: data set and split.
        title: the method's name in tables.
        floor: whether it is a floor.
        zsl, seen, unseen, harmonic, ausuc: micro accuracies in percent, mean and Student-t interval over seeds.
        zsl_macro: ZSL accuracy averaged over classes.
        zsl_interval, harmonic_interval: bootstrap over subjects, bounds averaged over the seeds.
        n_unseen, n_seen: test samples.
        chance: ZSL accuracy of a guess.
        selection, text_use, encoder: the marks that every table carries; all of them where runs of a row differ.
        synthetic: whether the data are synthetic.
        seen_twin_merged: S where twins count as one class; ``None`` where the data set has none.
        seeds, zsl_values, harmonic_values: of each run.
        selections: selection to the ZSL and H of each run, where the runs were traced.
        calibration: how gamma came about, with what must be said of it.
    """

    case: Case
    title: str
    floor: bool
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
    zsl_values: tuple[float, ...] = ()
    harmonic_values: tuple[float, ...] = ()
    calibration: str = "pseudo_unseen"


def result_rows(runs: Iterable[tuple[Case, MethodRow, RunFolder]]) -> list[ResultRow]:
    """Group finished runs by case and method, in the order in which they come."""
    groups: dict[tuple[Case, str], list[tuple[MethodRow, dict]]] = {}
    for case, row, folder in runs:
        groups.setdefault((case, row.title), []).append((row, folder.result()))
    return [_row(case, members[0][0], [result for _, result in members]) for (case, _), members in groups.items()]


def runs_titled(runs: Iterable[tuple[Case, MethodRow, RunFolder]], title: str) -> list[RunFolder]:
    """The runs of one method of a suite, by its title.

    Raises:
        ConfigError: no run has it.
    """
    runs = list(runs)
    titles = dict.fromkeys(row.title for _, row, _ in runs)
    if title not in titles:
        raise ConfigError(f"no method is titled {title!r}", where="suite", remedy=nearest_name(title, list(titles)))
    return [folder for _, row, folder in runs if row.title == title]


def _row(case: Case, method: MethodRow, results: Sequence[dict]) -> ResultRow:
    evaluations = [r["evaluation"] for r in results]
    micro = {key: summarize([e["micro"][key] for e in evaluations]) for key in evaluations[0]["micro"]}
    return ResultRow(
        case=case,
        title=method.title,
        floor=method.floor,
        **micro,
        zsl_macro=summarize([e["macro"]["zsl"] for e in evaluations]),
        zsl_interval=_mean_interval([e["zsl_interval"] for e in evaluations]),
        harmonic_interval=_mean_interval([e["harmonic_interval"] for e in evaluations]),
        n_unseen=evaluations[0]["n_unseen_test"],
        n_seen=evaluations[0]["n_seen_test"],
        chance=evaluations[0]["chance"],
        selection=_marks(results, "selection"),
        text_use=_marks(results, "text_use"),
        calibration=_marks([{"calibration": "pseudo_unseen"} | r for r in results], "calibration"),
        encoder=_marks(results, "encoder"),
        synthetic=results[0]["synthetic"],
        seen_twin_merged=_merged([e.get("seen_twin_merged") for e in evaluations]),
        seeds=tuple(r["seed"] for r in results),
        selections=_selections(results),
        zsl_values=tuple(e["micro"]["zsl"] for e in evaluations),
        harmonic_values=tuple(e["micro"]["harmonic"] for e in evaluations),
    )


def _marks(results: Sequence[dict], name: str) -> str:
    """The mark of all runs of a row; all of them where they differ, as none may hide behind another."""
    return MARK_JOINT.join(dict.fromkeys(r[name] for r in results))


def _merged(values: Sequence[float | None]) -> Summary | None:
    known = [v for v in values if v is not None]
    return summarize(known) if len(known) == len(values) else None


def _selections(results: Sequence[dict]) -> dict[str, dict[str, list[float]]]:
    """The ZSL and H of each selection that every run has."""
    found: dict[str, dict[str, list[float]]] = {}
    for name in SELECTIONS:
        entries = [r.get("selections", {}).get(name) for r in results]
        micro = [e["evaluation"]["micro"] for e in entries if e is not None]
        if len(micro) == len(results):
            found[name] = {key: [m[key] for m in micro] for key in ("zsl", "harmonic")}
    return found


def _mean_interval(intervals: Sequence[Sequence[float] | None]) -> tuple[float, float] | None:
    bounds = [i for i in intervals if i is not None]
    if not bounds:
        return None
    low, high = np.mean(np.array(bounds), axis=0)
    return float(low), float(high)


#: stands between the marks of a row whose runs have several
MARK_JOINT = " / "


SELECTIONS = ("last", "pseudo_unseen", "test_oracle")
