"""Tables from run folders: means and intervals, beside chance and the floors; nothing is typed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zsar_kit.artefacts import write_atomic
from zsar_kit.errors import ArtefactError
from zsar_kit.evaluation.statistics import Summary, summarize
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
        selection, text_use, encoder: the marks that every table carries.
        synthetic: whether the data are synthetic.
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


def result_rows(runs: Iterable[tuple[Case, MethodRow, RunFolder]]) -> list[ResultRow]:
    """Group finished runs by case and method, in the order in which they come."""
    groups: dict[tuple[Case, str], list[tuple[MethodRow, dict]]] = {}
    for case, row, folder in runs:
        groups.setdefault((case, row.title), []).append((row, folder.result()))
    return [_row(case, members[0][0], [result for _, result in members]) for (case, _), members in groups.items()]


def _row(case: Case, method: MethodRow, results: Sequence[dict]) -> ResultRow:
    evaluations = [r["evaluation"] for r in results]
    micro = {key: summarize([e["micro"][key] for e in evaluations]) for key in evaluations[0]["micro"]}
    first = results[0]
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
        selection=first["selection"],
        text_use=first["text_use"],
        encoder=first["encoder"],
        synthetic=first["synthetic"],
    )


def _mean_interval(intervals: Sequence[Sequence[float] | None]) -> tuple[float, float] | None:
    bounds = [i for i in intervals if i is not None]
    if not bounds:
        return None
    low, high = np.mean(np.array(bounds), axis=0)
    return float(low), float(high)


COLUMNS = {
    "case": "data, split",
    "n": "n unseen / seen",
    "method": "method",
    "zsl": "ZSL",
    "zsl_interval": "ZSL, 95 % over subjects",
    "zsl_macro": "ZSL per class",
    "seen": "S",
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
        name = f"{case.dataset}{' (synthetic)' if members[0].synthetic else ''} {case.split}"
        count = f"{members[0].n_unseen} / {members[0].n_seen}"
        lines.append({"case": name, "n": count, "method": "chance", "zsl": members[0].chance})
        lines += [{"case": name, "n": count, **_cells(row)} for row in members]
    encoders = ", ".join(dict.fromkeys(row.encoder for row in rows))
    return f"{format_table(lines, COLUMNS)}\nEncoder: {encoders}. Gamma: pseudo-unseen classes of the train part.\n"


def _cells(row: ResultRow) -> dict[str, object]:
    return {
        "method": row.title,
        **{key: getattr(row, key) for key in ("zsl", "zsl_macro", "seen", "unseen", "harmonic", "ausuc")},
        "zsl_interval": _span(row.zsl_interval),
        "harmonic_interval": _span(row.harmonic_interval),
        "selection": row.selection,
        "text_use": row.text_use,
    }


def _span(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.0f}–{interval[1]:.0f}"


def write_between(path: str | Path, name: str, content: str) -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- /name -->`` in a text file.

    Raises:
        ArtefactError: the file or its markers are missing.
    """
    path = Path(path)
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text.count(opening) != 1 or text.count(closing) != 1:
        raise ArtefactError(f"the markers {opening} and {closing} are needed, once each", where=path)
    before, rest = text.split(opening)
    after = rest.split(closing)[1]
    write_atomic(path, f"{before}{opening}\n{content.strip()}\n{closing}{after}")
