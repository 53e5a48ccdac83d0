"""Tables of results: means and intervals, beside chance and the baselines; no number is typed by hand."""

from __future__ import annotations

from collections.abc import Sequence

from zsar_kit.errors import DataError
from zsar_kit.evaluation.statistics import paired_difference, summarize
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.reports.rows import MARK_JOINT, SELECTIONS, ResultRow
from zsar_kit.experiments.studies.suite import Case
from zsar_kit.reprs import plain_markdown

COLUMNS = {
    "case": "data, split",
    "n": "n unseen / seen",
    "method": "method",
    "trainings": "trainings",
    "zsl": "ZSL",
    "zsl_spread": "ZSL, s over seeds",
    "zsl_interval": "ZSL, 95 % over subjects",
    "zsl_macro": "ZSL per class",
    "seen": "S",
    "seen_twin_merged": "S, twins merged",
    "unseen": "U",
    "harmonic": "H",
    "harmonic_spread": "H, s over seeds",
    "harmonic_interval": "H, 95 % over subjects",
    "ausuc": "AUSUC",
    "selection": "selection",
    "text_use": "texts",
    "semantics": "semantics",
}

#: the mark of what needs no encoder (:class:`~zsar_kit.data.leakage.EncoderMark`)
UNTRAINED = "untrained"
INTERVAL_OVER_TRAININGS = "± is Student's t (95 %) over them, after the mean over the method's seeds"


def markdown_table(rows: Sequence[ResultRow]) -> str:
    """A Markdown table: a chance row and the methods for each case; accuracies in percent.

    Lines after it say what all rows share: which classes the encoders had seen, how gamma was chosen, on how many
    folds, and over what intervals are; and what has to be said of single rows.
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
    hidden = set() if twins else {"seen_twin_merged"}
    hidden |= set() if any(row.semantics != "texts" for row in rows) else {"semantics"}
    hidden |= set() if any(row.trainings for row in rows) else {"trainings", "zsl_spread", "harmonic_spread"}
    columns = {k: v for k, v in COLUMNS.items() if k not in hidden}
    calibrations = (mark for row in rows for mark in row.calibration.split(MARK_JOINT))
    marked = dict.fromkeys(mark.partition(", ")[2] for mark in calibrations)
    caveat = "".join(f" ({note})" for note in marked if note)
    gamma = f"Gamma: pseudo-unseen classes of the train part{caveat}."
    below = f"Encoder: {plain_markdown(encoders)}. {gamma}{_folds(rows)}{_trainings(rows)}{_primitives(rows)}"
    return f"{format_table(lines, columns)}\n{below}\n{_notes(rows)}"


def _folds(rows: Sequence[ResultRow]) -> str:
    """How many folds chose."""
    if not (numbers := sorted({n for row in rows for n in row.folds})):
        return ""
    return f" Folds: {' or '.join(map(str, numbers))}."


def _trainings(rows: Sequence[ResultRow]) -> str:
    """How many trainings of the encoder rows are means over, and what their intervals mean."""
    if not (numbers := sorted({len(row.trainings) for row in rows if row.trainings})):
        return ""
    text = f" Trainings of the encoder: {' or '.join(map(str, numbers))}"
    several = f", {INTERVAL_OVER_TRAININGS}" if numbers[-1] > 1 else ""
    return f"{text}{several}; s is the standard deviation over the method's seeds."


def _primitives(rows: Sequence[ResultRow]) -> str:
    """What has to be known of rows that read primitives."""
    if not any(UNTRAINED in row.encoder for row in rows):
        return ""
    return (
        " Encoder untrained: kinematic primitives, measured by geometry and trained on nothing; the list of attributes "
        "was made by somebody who knew the kit's data sets and the results of a prototype on them."
    )


def _notes(rows: Sequence[ResultRow]) -> str:
    """What has to be said of single rows, or of all rows of a case; one line each."""
    places: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        runs = len(row.seeds) * max(1, len(row.trainings))
        for note, count in row.notes.items():
            share = "" if count == runs else f" ({count} of {runs} runs)"
            places.setdefault((_case_name(row), note), []).append(f"{row.title}{share}")
    lines = []
    for (case, note), titles in places.items():
        everyone = titles == [row.title for row in rows if _case_name(row) == case]
        where = case if everyone else f"{case}, {', '.join(titles)}"
        lines.append(f"- {where}: {note}.\n")
    return "\n" + "".join(lines) if lines else ""


def _cells(row: ResultRow) -> dict[str, object]:
    return {
        "method": row.title,
        **{key: getattr(row, key) for key in ("zsl", "zsl_macro", "seen", "unseen", "harmonic", "ausuc")},
        **{key: getattr(row, key) for key in ("zsl_spread", "harmonic_spread")},
        "trainings": str(len(row.trainings)) if row.trainings else None,
        "seen_twin_merged": row.seen_twin_merged,
        "zsl_interval": _span(row.zsl_interval),
        "harmonic_interval": _span(row.harmonic_interval),
        "selection": row.selection,
        "text_use": row.text_use,
        "semantics": row.semantics,
    }


def _span(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.0f}–{interval[1]:.0f}"


def selection_table(rows: Sequence[ResultRow]) -> str:
    """What three ways of choosing a step (or a config of a grid) give: one row per method, in percent.

    ``last`` and ``pseudo_unseen`` never look at the test samples. ``test_oracle`` takes the best of all candidates *on
    the test samples*, and gamma too: much released code reports this, but it is not a result.

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
        raise DataError("no run was traced, so there is only one selection", remedy="Run with trace=20.")
    columns = {"case": "data, split", "method": "method", "encoder": "encoder"}
    for key, title in (("zsl", "ZSL"), ("harmonic", "H")):
        for name in SELECTIONS:
            columns[f"{key} {name}"] = f"{title} {name}{' (chosen on test data)' if name == 'test_oracle' else ''}"
    return format_table(lines, columns)


def mean_over_splits(rows: Sequence[ResultRow], baseline: str, over: str = "splits") -> str:
    """Means over class splits of one size, or over trainings of the skeleton encoder; method seeds averaged first.

    The variation between splits or encoder trainings is not part of the interval over method seeds, and is larger.

    Args:
        rows: rows of every method in every case.
        baseline: title of the method that the others are compared with, case by case.
        over: ``splits`` or ``encoders``; intervals are Student's t over these.

    Returns:
        A Markdown table; empty if there are fewer than two splits of a size, or fewer than two encoders of a split.

    Raises:
        DataError: the baseline is missing in a case.
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
        # What needs no encoder is compared with what the others have.
        same = [r for r in rows if r.title == baseline and (r.encoder == encoder or encoder == UNTRAINED)]
        base = {r.case: r for r in same}
        for title in dict.fromkeys(r.title for r in members):
            chosen = [r for r in members if r.title == title]
            if missing := [r.case.split for r in chosen if r.case not in base]:
                raise DataError(f"no run of {baseline!r} in split {missing[0]!r} to compare with", where=dataset)
            line: dict[str, object] = {
                "dataset": f"{dataset}{' (synthetic)' if synthetic else ''}",
                "split": split,
                "encoder": encoder,
                "method": title,
                "n": str(len(chosen)),
                "zsl": summarize([r.zsl.mean for r in chosen]),
                "harmonic": summarize([r.harmonic.mean for r in chosen]),
            }
            if title != baseline:
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
        "zsl gain": f"ZSL minus {baseline}, paired",
        "harmonic": "H",
        "harmonic gain": f"H minus {baseline}, paired",
    }
    return format_table(lines, columns) if lines else ""


def encoder_table(rows: Sequence[ResultRow]) -> str:
    """ZSL and H of each method with one column for each encoder; rows without all of them are left out.

    Args:
        rows: rows of the same cases and methods with different encoders; what needs no encoder has no place here.
    """
    rows = [row for row in rows if row.encoder != UNTRAINED]
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


def case_name(case: Case, *, synthetic: bool) -> str:
    """A data set and its split, as tables call them."""
    training = "" if case.encoder_seed is None else f", encoder {case.encoder_seed}"
    return f"{case.dataset}{' (synthetic)' if synthetic else ''} {case.split}{training}"


def _case_name(row: ResultRow) -> str:
    return case_name(row.case, synthetic=row.synthetic)


def suite_tables(
    rows: Sequence[ResultRow],
    reference: str,
    *,
    others: Sequence[ResultRow] = (),
    by_training: Sequence[ResultRow] = (),
) -> dict[str, str]:
    """All tables that the rows allow.

    Args:
        rows: rows of a suite.
        reference: title of the baseline that means over class splits are compared with.
        others: rows of the same suite with another encoder.
        by_training: where rows are means over trainings of the encoder, the rows of each training.

    Returns:
        ``scores``; ``selection`` of traced runs; ``splits`` and ``trainings``, means over class splits and over
        trainings of the encoder; ``encoders``, beside the others.
    """
    tables = {"scores": markdown_table(rows)}
    if any(row.selections for row in rows):
        tables["selection"] = selection_table(rows)
    for name, over in (("splits", "splits"), ("trainings", "encoders")):
        members = by_training if over == "encoders" and by_training else rows
        if reference and (means := mean_over_splits(members, reference, over)):
            tables[name] = means
    if others:
        tables["encoders"] = encoder_table([*others, *rows])
    return tables
