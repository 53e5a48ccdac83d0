"""The doctor at work: one clip, or a set of them in one pass."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zsar_kit.data.content import content_digest
from zsar_kit.data.doctor import body_checks, clip_checks, label_checks
from zsar_kit.data.doctor.findings import Collector, Finding, Report, check_names
from zsar_kit.data.doctor.measures import Measures, measure
from zsar_kit.data.doctor.presence import Presence, presence
from zsar_kit.data.joints import JointLayout
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.data.parts import known_protocols, train_part
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.errors import DataError
from zsar_kit.reprs import shape_of, short_path

#: A fault of all clips shows in more than this share of them: in data without it the share is near 0, with it near 1.
MAJORITY = 0.5


#: of fewer persons than this, nothing more can be said of what concerns all bodies alike than of one clip
FEWEST_OF_A_SET = 20


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip with what is known of it.

    Attributes:
        joints: ``[person, frame, joint, 3]`` in metres, NaN where a joint was not found; a person who is absent is all
            NaN or all 0.
        sample: its name.
        label: 0-based class id; -1 where it has none.
        subject: number of the person; -1 where it is not known.
        rate: frames a second; 0 where it is not known.
        times: seconds of each frame ``[frame]``; None where they are not known.
    """

    joints: np.ndarray
    sample: str = ""
    label: int = -1
    subject: int = -1
    rate: float = 0.0
    times: np.ndarray | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"Clip({short_path(self.sample, 60)}: joints {shape_of(self.joints)}, label {self.label})"


@dataclass(frozen=True, eq=False)
class _Looked:
    """What one clip adds to the judgement of its set."""

    findings: tuple[Finding, ...]
    measures: tuple[Measures, ...] = ()
    missing: float = 0.0


@dataclass
class _Tally:
    """Numbers of all persons of a set, a few for each."""

    height: list[float] = field(default_factory=list)
    up: list[np.ndarray] = field(default_factory=list)
    tree: list[float] = field(default_factory=list)
    ahead: list[float] = field(default_factory=list)
    bends: list[float] = field(default_factory=list)
    others: dict[str, list[float]] = field(default_factory=dict)
    missing: list[float] = field(default_factory=list)


def examine_clip(
    joints: np.ndarray,
    layout: JointLayout | str,
    *,
    sample: str = "",
    rate: float = 0.0,
    times: np.ndarray | None = None,
    most_persons: int = clip_checks.MOST_PERSONS,
) -> tuple[Finding, ...]:
    """Look at one clip by itself.

    Args:
        joints: ``[person, frame, joint, 3]`` in metres; see :class:`Clip`.
        layout: the joint layout that it is said to have.
        sample: its name, for the findings.
        rate: frames a second; 0 where it is not known.
        times: seconds of each frame ``[frame]``.
        most_persons: as many persons as the data can have.

    Returns:
        What was found, the worst first; empty if nothing was.
    """
    body = layout if isinstance(layout, JointLayout) else joint_layout(layout)
    looked = _look(Clip(joints, sample, rate=rate, times=times), body, most_persons)
    collector = Collector()
    collector.add_clip([*looked.findings, *_judged_alone(looked, body, sample)])
    return collector.report(1, {}, ()).findings


def examine_set(
    clips: Iterable[Clip],
    layout: JointLayout | str,
    *,
    class_names: Sequence[str] = (),
    parts: Mapping[str, np.ndarray] | None = None,
    accept: Sequence[str] = (),
    most_persons: int = clip_checks.MOST_PERSONS,
    progress: bool = False,
    total: int | None = None,
) -> Report:
    """Look at a set, clip by clip; coordinates are not kept.

    What concerns all bodies alike (order of joints, the way up, left and right) is judged by most clips, the rest clip
    by clip.

    Args:
        clips: what to look at, in the order of ``parts``.
        layout: the joint layout that they are said to have.
        class_names: in label order; empty where they are not known.
        parts: protocol to a mask ``[sample]``, true for train.
        accept: checks whose findings do not make the report red; their names are kept in it.
        most_persons: as many persons as the data can have.
        progress: show a progress bar.
        total: number of clips, for the bar.

    Raises:
        ConfigError: there is no check of a name in ``accept``.
        DataError: a mask has another length than there are clips, or there is no clip.
    """
    body = layout if isinstance(layout, JointLayout) else joint_layout(layout)
    check_names(accept)
    if progress:
        from tqdm import tqdm

        clips = tqdm(clips, total=total, desc="examining", unit=" clips")
    collector, tally = Collector(), _Tally()
    samples: list[str] = []
    labels: list[int] = []
    subjects: list[int] = []
    content: list[str] = []
    for clip in clips:
        looked = _look(clip, body, most_persons)
        collector.add_clip(looked.findings)
        _count(tally, looked)
        samples.append(clip.sample)
        labels.append(clip.label)
        subjects.append(clip.subject)
        content.append(content_digest(clip.joints) if looked.measures else f"{len(content)}")
    if not samples:
        raise DataError("there is no clip to look at", where="clips", remedy="Is the folder the right one?")
    parts = {} if parts is None else parts
    for protocol, train in parts.items():
        if train.shape != (len(samples),):
            problem = f"{len(samples)} clips need a mask of as many, got {list(train.shape)}"
            raise DataError(problem, where=f"parts[{protocol!r}]")
    ids = np.array(labels)
    collector.add_set(_judged_together(tally, body))
    collector.add_set(label_checks.check_labels(ids, class_names))
    collector.add_set(label_checks.check_class_names(class_names))
    collector.add_set(label_checks.check_parts(ids, np.array(subjects), class_names, parts))
    collector.add_set(label_checks.check_twice(content, samples, ids, parts))
    return collector.report(len(samples), _measured(tally), accept)


def examine_skeletons(
    skeletons: SkeletonSet,
    *,
    accept: Sequence[str] = (),
    most_persons: int = clip_checks.MOST_PERSONS,
    progress: bool = False,
) -> Report:
    """:func:`examine_set` of a stored set, with its classes and the parts of every protocol that it knows."""

    def clips() -> Iterator[Clip]:
        for one in skeletons:
            yield Clip(one.joints, one.sample, one.label, one.subject)

    return examine_set(
        clips(),
        skeletons.layout,
        class_names=skeletons.class_names,
        parts={protocol: train_part(skeletons, protocol) for protocol in known_protocols(skeletons)},
        accept=accept,
        most_persons=most_persons,
        progress=progress,
        total=len(skeletons),
    )


def _look(clip: Clip, body: JointLayout, most_persons: int) -> _Looked:
    """All checks that a clip can be put to by itself, and what to remember of it."""
    joints, sample = clip.joints, clip.sample
    if refused := clip_checks.check_shape(joints, body, most_persons, sample):
        return _Looked(tuple(refused))
    joints = joints if joints.dtype.kind == "f" else joints.astype(np.float32)
    seen = presence(joints, body)
    if refused := clip_checks.check_empty(seen, sample):
        return _Looked(tuple(refused))
    with warnings.catch_warnings():
        # A joint that is missing in every frame has no mean.
        warnings.simplefilter("ignore", RuntimeWarning)
        paths = [seen.joints[p][seen.there[p]] for p in range(len(joints)) if seen.there[p].any()]
        measures = tuple(measure(path, body, body_checks.bones_of(body)) for path in paths)
        found = _findings(clip, joints, seen, measures, body)
    share = float(seen.missing.sum()) / (int(seen.there.sum()) * len(body))
    return _Looked(tuple(found), measures, share)


def _findings(
    clip: Clip, joints: np.ndarray, seen: Presence, measures: Sequence[Measures], body: JointLayout
) -> list[Finding]:
    sample, height = clip.sample, float(np.nanmedian([m.height for m in measures]))
    same = clip_checks.same_as_before(joints)
    order = clip_checks.check_frame_order(seen, height, sample)
    return [
        *body_checks.check_units(seen, measures, sample),
        *clip_checks.check_missing(seen, body, sample),
        *clip_checks.check_padding(joints, seen, same, sample),
        *clip_checks.check_repeats(seen, same, sample),
        *clip_checks.check_copies(joints, seen, sample),
        *clip_checks.check_swaps(seen, height, sample),
        *clip_checks.check_times(clip.times, clip.rate, joints.shape[1], sample),
        # Of frames that do not follow each other every joint seems to jump.
        *(order or body_checks.check_teleports(seen, body, height, sample)),
    ]


def _judged_alone(looked: _Looked, body: JointLayout, sample: str) -> list[Finding]:
    """What concerns all bodies alike, by one clip."""
    if not looked.measures:
        return []
    first = looked.measures[0]
    if order := body_checks.judge_order(first.tree, first.others, body, sample):
        return order  # which way is up, and which side is left, is told by joints that are others
    found = body_checks.judge_up(first.up, sample, single=True)
    found += body_checks.judge_side(first.ahead, first.bends, sample, single=True)
    return body_checks.doubt_order(found, first.tree)


def _count(tally: _Tally, looked: _Looked) -> None:
    tally.missing.append(looked.missing)
    for one in looked.measures:
        tally.height.append(one.height)
        tally.up.append(one.up)
        tally.tree.append(one.tree)
        tally.ahead.append(one.ahead)
        tally.bends.append(one.bends)
        for name, value in one.others.items():
            tally.others.setdefault(name, []).append(value)


def _judged_together(tally: _Tally, body: JointLayout) -> list[Finding]:
    """What concerns all bodies alike, by most of the persons of a set."""
    if not tally.up:
        return []
    others = {name: _median(values) for name, values in tally.others.items()}
    tree = _median(tally.tree)
    if order := body_checks.judge_order(tree, others, body, ""):
        return order
    few = len(tally.up) < FEWEST_OF_A_SET
    found = body_checks.judge_up(np.median(np.array(tally.up), axis=0), "", single=few)
    by_feet = np.array(tally.ahead)
    signs = by_feet[~np.isnan(by_feet)]
    if not len(signs):
        bends = np.array(tally.bends)
        signs = bends[~np.isnan(bends)]
    if len(signs):
        share, value = float((signs < 0).mean()), float(np.median(signs))
        if share > MAJORITY:
            by = (value, float("nan")) if len(by_feet[~np.isnan(by_feet)]) else (float("nan"), value)
            found += body_checks.judge_side(*by, "", single=few, share=share)
    return body_checks.doubt_order(found, tree)


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.median(known)) if known else float("nan")


def _measured(tally: _Tally) -> dict[str, float]:
    """What the set is like, for the record."""
    measured = {"height": _median(tally.height), "tree": _median(tally.tree), "ahead": _median(tally.ahead)}
    measured["missing"] = float(np.mean(tally.missing)) if tally.missing else 0.0
    return {name: round(value, 4) for name, value in measured.items() if not np.isnan(value)}
