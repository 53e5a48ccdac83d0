"""Tables from run folders: means and intervals, beside chance and the floors; nothing is typed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zsar_kit.artefacts import write_atomic
from zsar_kit.errors import ArtefactError, ConfigError, DataError, nearest_name
from zsar_kit.evaluation.statistics import Summary, paired_difference, summarize
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.run import RunFolder
from zsar_kit.experiments.sweep import Case, MethodRow


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
COLUMNS = {
    "case": "data, split",
    "n": "n unseen / seen",
    "method": "method",
    "zsl": "ZSL",
    "zsl_interval": "ZSL, 95 % over subjects",
    "zsl_macro": "ZSL per class",
    "seen": "S",
    "seen_twin_merged": "S, twins merged",
    "unseen": "U",
    "harmonic": "H",
    "harmonic_interval": "H, 95 % over subjects",
    "ausuc": "AUSUC",
    "selection": "selection",
    "text_use": "texts",
}


def markdown_table(rows: Sequence[ResultRow]) -> str:
    """A Markdown table: a chance row and the methods for each case; accuracies in percent.

    A line after it says what all rows share: which classes the encoders had seen, and how gamma was chosen.
    """
    lines: list[dict[str, object]] = []
    for case in dict.fromkeys(row.case for row in rows):
        members = [row for row in rows if row.case == case]
        name = _case_name(members[0])
        count = f"{members[0].n_unseen} / {members[0].n_seen}"
        lines.append({"case": name, "n": count, "method": "chance", "zsl": members[0].chance})
        lines += [{"case": name, "n": count, **_cells(row)} for row in members]
    encoders = ", ".join(dict.fromkeys(row.encoder for row in rows))
    twins = any(row.seen_twin_merged is not None for row in rows)
    columns = {k: v for k, v in COLUMNS.items() if twins or k != "seen_twin_merged"}
    calibrations = (mark for row in rows for mark in row.calibration.split(MARK_JOINT))
    marked = dict.fromkeys(mark.partition(", ")[2] for mark in calibrations)
    caveat = "".join(f" ({note})" for note in marked if note)
    gamma = f"Gamma: pseudo-unseen classes of the train part{caveat}."
    return f"{format_table(lines, columns)}\nEncoder: {encoders}. {gamma}\n"


def _cells(row: ResultRow) -> dict[str, object]:
    return {
        "method": row.title,
        **{key: getattr(row, key) for key in ("zsl", "zsl_macro", "seen", "unseen", "harmonic", "ausuc")},
        "seen_twin_merged": row.seen_twin_merged,
        "zsl_interval": _span(row.zsl_interval),
        "harmonic_interval": _span(row.harmonic_interval),
        "selection": row.selection,
        "text_use": row.text_use,
    }


def _span(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.0f}–{interval[1]:.0f}"


def selection_table(rows: Sequence[ResultRow]) -> str:
    """What choosing a step (or a grid's config) in three ways gives: one row a method, in percent.

    ``last`` and ``pseudo_unseen`` never look at the test samples. ``test_oracle`` takes the best of all candidates *on
    the test samples* and gamma too: it is what much released code reports, and no result.

    Raises:
        DataError: no run was traced (``trace`` of :class:`RunConfig`).
    """
    lines = []
    for row in rows:
        cells: dict[str, object] = {"case": _case_name(row), "method": row.title, "encoder": row.encoder}
        for name, values in row.selections.items():
            cells[f"zsl {name}"] = summarize(values["zsl"])
            cells[f"harmonic {name}"] = summarize(values["harmonic"])
        lines.append(cells)
    if not any(row.selections for row in rows):
        raise DataError("no run was traced, so there is one selection only", remedy="Run with trace=20.")
    columns = {"case": "data, split", "method": "method", "encoder": "encoder"}
    for key, title in (("zsl", "ZSL"), ("harmonic", "H")):
        for name in SELECTIONS:
            columns[f"{key} {name}"] = f"{title} {name}{' (chosen on test data)' if name == 'test_oracle' else ''}"
    return format_table(lines, columns)


def across(rows: Sequence[ResultRow], floor: str, over: str = "splits") -> str:
    """Means over class splits of one size, or over trainings of the skeleton encoder; method seeds averaged first.

    What a split or an encoder's training gives by chance is no part of the interval over method seeds, and is wider.

    Args:
        rows: every method in every case.
        floor: title of the method that the others are compared with, case by case.
        over: ``splits`` or ``encoders``; intervals are Student's t over these.

    Returns:
        A Markdown table; empty where there are fewer than two splits of a size, or fewer than two encoders of a split.

    Raises:
        DataError: the floor is missing in some case.
    """
    groups: dict[tuple, list[ResultRow]] = {}
    for r in rows:
        if (r.case.encoder_seed is None) == (over == "splits"):
            split = r.case.split if over == "encoders" else f"{round(100 / r.chance)} unseen classes"
            groups.setdefault((r.case.dataset, split, r.encoder, r.synthetic), []).append(r)
    lines = []
    for (dataset, split, encoder, synthetic), members in groups.items():
        if len({r.case for r in members}) < 2:
            continue
        base = {r.case: r for r in members if r.title == floor}
        for title in dict.fromkeys(r.title for r in members):
            chosen = [r for r in members if r.title == title]
            if missing := [r.case.split for r in chosen if r.case not in base]:
                raise DataError(f"no run of {floor!r} in split {missing[0]!r} to compare with", where=dataset)
            line: dict[str, object] = {
                "dataset": f"{dataset}{' (synthetic)' if synthetic else ''}",
                "split": split,
                "encoder": encoder,
                "method": title,
                "n": str(len(chosen)),
                "zsl": summarize([r.zsl.mean for r in chosen]),
                "harmonic": summarize([r.harmonic.mean for r in chosen]),
            }
            if title != floor:
                for key in ("zsl", "harmonic"):
                    pairs = [(getattr(r, key).mean, getattr(base[r.case], key).mean) for r in chosen]
                    line[f"{key} gain"] = paired_difference(*map(list, zip(*pairs, strict=True)))
            lines.append(line)
    columns = {
        "dataset": "data",
        "split": "split",
        "encoder": "encoder",
        "method": "method",
        "n": over,
        "zsl": "ZSL",
        "zsl gain": f"ZSL minus {floor}, paired",
        "harmonic": "H",
        "harmonic gain": f"H minus {floor}, paired",
    }
    return format_table(lines, columns) if lines else ""


def encoder_table(rows: Sequence[ResultRow]) -> str:
    """ZSL and H of each method with one column for each encoder; rows without all of them are left out.

    Args:
        rows: of the same cases and methods with different encoders.
    """
    encoders = list(dict.fromkeys(row.encoder for row in rows))
    found = {(row.case, row.title, row.encoder): row for row in rows}
    lines = []
    for case, title in dict.fromkeys((row.case, row.title) for row in rows):
        cells = [found.get((case, title, encoder)) for encoder in encoders]
        members = [c for c in cells if c is not None]
        if len(members) < len(encoders):
            continue
        line: dict[str, object] = {"case": _case_name(members[0]), "method": title}
        for row in members:
            line[f"zsl {row.encoder}"], line[f"harmonic {row.encoder}"] = row.zsl, row.harmonic
        lines.append(line)
    columns = {"case": "data, split", "method": "method"}
    for key, title in (("zsl", "ZSL"), ("harmonic", "H")):
        columns |= {f"{key} {encoder}": f"{title}, {encoder} encoder" for encoder in encoders}
    return format_table(lines, columns)


def _case_name(row: ResultRow) -> str:
    training = "" if row.case.encoder_seed is None else f", encoder {row.case.encoder_seed}"
    return f"{row.case.dataset}{' (synthetic)' if row.synthetic else ''} {row.case.split}{training}"


def write_between(path: str | Path, name: str, content: str) -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- /name -->`` in a text file.

    Raises:
        ArtefactError: the file or its markers are missing.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    opening, closing = _markers(name)
    if text.count(opening) != 1 or text.count(closing) != 1:
        raise ArtefactError(f"the markers {opening} and {closing} are needed, once each", where=path)
    before, rest = text.split(opening)
    after = rest.split(closing)[1]
    write_atomic(path, f"{before}{opening}\n{content.strip()}\n{closing}{after}")


def write_tables(path: str | Path, label: str, tables: Mapping[str, str]) -> list[str]:
    """Write a suite's tables into a text file, each where ``<!-- label_name -->`` marks its place.

    Args:
        path: of the text file.
        label: of the suite; the table ``scores`` is marked by the label alone.
        tables: name to Markdown; those without a mark are left out.

    Returns:
        The names of those written.

    Raises:
        ArtefactError: the file is missing, or has a mark for none of them.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    marks = {name: label if name == "scores" else f"{label}_{name}" for name in tables}
    written = [name for name, mark in marks.items() if _markers(mark)[0] in text]
    if not written:
        opening, closing = _markers(label)
        raise ArtefactError(f"the markers {opening} and {closing} are needed, once each", where=path)
    for name in written:
        write_between(path, marks[name], tables[name])
    return written


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->", f"<!-- /{name} -->"


def suite_tables(rows: Sequence[ResultRow], reference: str, *, others: Sequence[ResultRow] = ()) -> dict[str, str]:
    """The tables that the rows allow.

    Args:
        rows: of a suite.
        reference: title of the floor that means over class splits are compared with.
        others: of the same suite with another encoder.

    Returns:
        ``scores``; ``selection`` of traced runs; ``splits`` and ``trainings``, means over class splits and over
        trainings of the encoder; ``encoders``, beside the others.
    """
    tables = {"scores": markdown_table(rows)}
    if any(row.selections for row in rows):
        tables["selection"] = selection_table(rows)
    for name, over in (("splits", "splits"), ("trainings", "encoders")):
        if reference and (means := across(rows, reference, over)):
            tables[name] = means
    if others:
        tables["encoders"] = encoder_table([*others, *rows])
    return tables
