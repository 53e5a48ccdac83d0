"""What the doctor says: findings about a clip or a set, and the report that collects them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from zsar_kit.errors import ConfigError, DataError, nearest_name
from zsar_kit.reprs import counted, listed, short_path

Severity = Literal["refuse", "warn", "note"]
#: the worst first
SEVERITIES: tuple[Severity, ...] = ("refuse", "warn", "note")
#: every check and the question it answers
CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "readable": "can every file be read?",
        "shape": "is the array [person, frame, joint, 3], with the joints of the layout?",
        "axes": "are frames and persons where they belong?",
        "finite": "is every number finite, or NaN for a joint that was not found?",
        "empty": "is anybody there, for more than one frame?",
        "units": "are these metres, in three dimensions?",
        "missing": "are joints that were not found marked as missing, and are they few?",
        "padding": "does the clip end where the movement ends?",
        "repeats": "is each frame a new one?",
        "teleport": "does every joint stay with its body?",
        "swap": "does each person keep the same place in the array?",
        "copy": "is every person another one?",
        "times": "do the times of frames rise evenly?",
        "frame order": "do frames follow each other in time?",
        "joint order": "are the joints in the order of the layout?",
        "upright": "is y the way up?",
        "mirrored": "is left on the left?",
        "labels": "do labels start at 0, with samples for every class?",
        "class names": "has every class a name of its own?",
        "parts": "has every class samples to learn from, and do subjects keep to one part?",
        "twice": "does every sequence occur once, in one part only?",
    }
)
#: checks whose refusals cannot be accepted, because there is nothing to go on with
UNUSABLE = frozenset({"readable", "shape", "finite", "empty"})
EMPTY: Mapping[tuple[str, Severity], int] = MappingProxyType({})
#: so many findings of one check are kept whole; of the others only the number of clips is kept
KEPT = 20


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing that is, or may be, wrong.

    Attributes:
        check: which check found it; see :data:`CHECKS`.
        severity: ``"refuse"``: nothing that is computed from these data means anything; ``"warn"``: results suffer, or
            the data are not what they seem; ``"note"``: worth knowing.
        problem: what was found, in one sentence with its numbers.
        cause: what usually makes data look so.
        remedy: what to do.
        sample: the clip; empty where it is about the set.
        place: where in the clip or set, such as ``person 0, frames 3..9``.
        numbers: what was measured, JSON-ready.
        frames: the frames it is about, for drawing; empty for all.
        joints: the joints it is about, for drawing; empty for all.
        person: the person it is about; -1 for all.
    """

    check: str
    severity: Severity
    problem: str
    cause: str
    remedy: str
    sample: str = ""
    place: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    frames: tuple[int, ...] = ()
    joints: tuple[int, ...] = ()
    person: int = -1

    def __repr__(self) -> str:
        where = f" {short_path(self.sample, 40)}" if self.sample else ""
        return f"Finding({self.severity}, {self.check}{where}: {self.problem})"

    @property
    def acceptable(self) -> bool:
        """Whether the data can be used all the same: not those of which no skeleton can be made."""
        beyond = self.check == "axes" and self.numbers.get("persons", 0) > self.numbers.get("frames", 0)
        return self.check not in UNUSABLE and not beyond

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, with the same keys for every finding."""
        keys = ("check", "severity", "sample", "place", "problem", "cause", "remedy")
        row: dict[str, Any] = {key: getattr(self, key) for key in keys}
        row["numbers"] = dict(self.numbers)
        return row


@dataclass(frozen=True, eq=False)
class Report:
    """What was found in a set of clips, or in one.

    Attributes:
        clips: how many were looked at.
        findings: the worst first; of each check at most :data:`KEPT` about single clips, and all about the set.
        affected: check and severity to the number of clips with such a finding; findings about the set count 0.
        measured: what the set is like: body height in metres, share of points missing, and the like.
        accepted: names of checks whose findings were accepted; they do not make the report red.
    """

    clips: int
    findings: tuple[Finding, ...]
    affected: Mapping[tuple[str, Severity], int]
    measured: Mapping[str, float] = field(default_factory=dict)
    accepted: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Report({line(self)})"

    @property
    def red(self) -> bool:
        """Whether something makes the data unusable that was not accepted."""
        return bool(self.refused)

    @property
    def refused(self) -> tuple[str, ...]:
        """The checks that make the report red."""
        bad = {check for check, severity in self.affected if severity == "refuse"}
        return tuple(check for check in CHECKS if check in bad - set(self.accepted))

    def counts(self) -> dict[Severity, int]:
        """Severity to the number of checks with a finding that severe."""
        return {s: len({check for check, severity in self.affected if severity == s}) for s in SEVERITIES}

    def accept(self, checks: Sequence[str]) -> Report:
        """The same report with the findings of some checks accepted; the record keeps their names.

        Raises:
            ConfigError: there is no such check.
        """
        names = dict.fromkeys([*self.accepted, *check_names(checks)])
        return Report(self.clips, self.findings, self.affected, self.measured, tuple(names))

    def without(self, check: str) -> Report:
        """The same report without the findings of a check that does not apply, such as depth in points of a picture."""
        findings = tuple(found for found in self.findings if found.check != check)
        affected = {key: number for key, number in self.affected.items() if key[0] != check}
        return Report(self.clips, findings, affected, self.measured, self.accepted)

    def with_unread(self, problems: Iterable[tuple[str, DataError]]) -> Report:
        """The same report with a finding for every clip that could not be read.

        Args:
            problems: name of the clip, and what its reader says.
        """
        collector = Collector(self.findings, self.affected)
        number = self.clips
        for sample, error in problems:
            number += 1
            cause = "A file that was cut short or is of another kind, or something that it does not say."
            collector.add_clip([Finding("readable", "refuse", error.problem, cause, error.remedy or "", sample=sample)])
        return collector.report(number, self.measured, self.accepted)

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """A table with a row for each check and severity: severity, check, clips, what was found, what to do.

        The sentence is that of the first finding; the columns are those of :attr:`HEADER`.
        """
        rows: list[tuple[str, str, str, str, str]] = []
        first: dict[tuple[str, Severity], Finding] = {}
        for found in self.findings:
            first.setdefault((found.check, found.severity), found)
        for (check, severity), found in first.items():
            number = self.affected.get((check, severity), 0)
            clips = f"{number} of {self.clips}" if number else "the set"
            example = f"{found.sample}: " if found.sample and self.clips > 1 else ""
            mark = f"{severity}, accepted" if check in self.accepted else severity
            rows.append((mark, check, clips, f"{example}{found.problem}", f"{found.cause} {found.remedy}"))
        return rows

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, with stable keys."""
        affected = [
            {"check": check, "severity": severity, "clips": number}
            for (check, severity), number in self.affected.items()
        ]
        return {
            "clips": self.clips,
            "red": self.red,
            "refused": list(self.refused),
            "accepted": list(self.accepted),
            "measured": dict(self.measured),
            "affected": affected,
            "findings": [found.to_dict() for found in self.findings],
        }


#: columns of :meth:`Report.rows`
HEADER = ("severity", "check", "clips", "found", "cause and remedy")


def check_names(checks: Iterable[str]) -> tuple[str, ...]:
    """The names, all of them known.

    Raises:
        ConfigError: there is no such check.
    """
    names = tuple(checks)
    for name in names:
        if name not in CHECKS:
            raise ConfigError(f"the doctor has no check {name!r}", where="accept", remedy=nearest_name(name, CHECKS))
    return names


def line(report: Report) -> str:
    """The report in one line."""
    looked = counted(report.clips, "clip")
    parts: list[str] = []
    for severity, word in zip(SEVERITIES, ("unusable", "suspect", "to know"), strict=True):
        checks = [check for check in CHECKS if (check, severity) in report.affected and check not in report.accepted]
        if checks:
            parts.append(f"{word}: {listed([_with_number(report, c, severity) for c in checks], 4)}")
    if report.accepted:
        parts.append(f"accepted: {', '.join(report.accepted)}")
    return f"{looked}; {'; '.join(parts)}" if parts else f"{looked}, nothing wrong found"


def _with_number(report: Report, check: str, severity: Severity) -> str:
    number = report.affected[check, severity]
    return f"{check} ({counted(number, 'clip')})" if number and report.clips > 1 else check


class Collector:
    """Gathers findings clip by clip, in memory that does not grow with the clips."""

    def __init__(self, findings: Iterable[Finding] = (), affected: Mapping[tuple[str, Severity], int] = EMPTY) -> None:
        self._kept: dict[tuple[str, Severity], list[Finding]] = {}
        self._affected: dict[tuple[str, Severity], int] = dict(affected)
        for one in findings:
            self._kept.setdefault((one.check, one.severity), []).append(one)

    def add_clip(self, findings: Iterable[Finding]) -> None:
        """Count the findings of one clip."""
        found = tuple(findings)
        keys: set[tuple[str, Severity]] = {(f.check, f.severity) for f in found}
        for key in keys:
            self._affected[key] = self._affected.get(key, 0) + 1
        for one in found:
            kept = self._kept.setdefault((one.check, one.severity), [])
            if len(kept) < KEPT:
                kept.append(one)

    def add_set(self, findings: Iterable[Finding]) -> None:
        """Add findings about the set; they come before those about clips."""
        for one in findings:
            key = (one.check, one.severity)
            self._kept.setdefault(key, []).insert(0, one)
            self._affected.setdefault(key, 0)

    def report(self, clips: int, measured: Mapping[str, float], accepted: Sequence[str]) -> Report:
        """All of it, the worst first, in the order of the checks."""
        order = [(check, severity) for severity in SEVERITIES for check in CHECKS]
        keys = sorted(self._affected, key=order.index)
        findings = tuple(one for key in keys for one in self._kept[key])
        return Report(clips, findings, {key: self._affected[key] for key in keys}, measured, check_names(accepted))
