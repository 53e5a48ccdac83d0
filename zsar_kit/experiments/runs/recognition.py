"""Recognition out of the box: any clip, among the kit's known classes, forms of your own, or words; nothing is trained.

>>> import zsar_kit as zk
>>> answer = zk.recognise("clip.npy", "squat; lunge; wave", why=True)  # doctest: +SKIP
>>> answer.label, answer.none_of_these  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from zsar_kit.data.readers.clips import read_clip
from zsar_kit.errors import DataError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.own_clip import OwnClip, open_clip
from zsar_kit.experiments.runs.candidates import FORETOLD, Candidates, choose_candidates
from zsar_kit.experiments.runs.doctor_line import doctor_line, doctor_says
from zsar_kit.experiments.runs.windows import FEWEST, suspect_in_window, windows
from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.compare import distances, shares_of_distance
from zsar_kit.primitives.measure import KINECT_RATE, attributes_lost, levels_of, measure_bodies
from zsar_kit.primitives.none_of_these import none_of_these
from zsar_kit.primitives.reads import TRUNK_JOINTS
from zsar_kit.primitives.why import Explanation, explain_lead
from zsar_kit.reprs import counted, plain_markdown
from zsar_kit.semantics.words import Words

Clip = str | Path | np.ndarray
#: classes of an answer that its table shows
SHOWN = 5


@dataclass(frozen=True)
class Ranked:
    """One class of an answer.

    Attributes:
        name: of the class.
        source: where its expected levels come from; see :class:`Candidates`.
        distance: mean distance of its levels from the measured ones.
        probability: with "none of these" those of all classes sum to one.
    """

    name: str
    source: str
    distance: float
    probability: float


@dataclass(frozen=True, repr=False, eq=False)
class Recognition:
    """The answer for one clip.

    Attributes:
        clip: its name.
        ranked: the classes, nearest first; of those that mean the same the nearest only.
        none_of_these: probability that the clip shows none of them.
        measured: number of attributes that could be measured.
        notes: what has to be said beside it.
        explanation: why the first is ahead of the second, where that was asked for.
        doctor: what the data doctor says of the clip in one line; empty if nothing is wrong.
        left_out: number of classes of two persons that were not ranked, as the clip has one person.
        lost: number of attributes that were left out, as they read joints that were not found for most of the clip.
    """

    clip: str
    ranked: tuple[Ranked, ...]
    none_of_these: float
    measured: int
    notes: tuple[str, ...] = ()
    explanation: Explanation | None = None
    doctor: str = ""
    left_out: int = 0
    lost: int = 0

    @property
    def label(self) -> str:
        """The nearest class."""
        return self.ranked[0].name

    def __repr__(self) -> str:
        first = self.ranked[0]
        return (
            f"Recognition({first.name!r} {100 * first.probability:.1f} %, "
            f"none of these {100 * self.none_of_these:.1f} %)"
        )

    def _repr_markdown_(self) -> str:
        rows = [
            {"class": r.name, "probability": 100 * r.probability, "distance": f"{r.distance:.3f}", "form": r.source}
            for r in self.ranked[:SHOWN]
        ]
        if rest := self.ranked[SHOWN:]:
            rows.append(
                {"class": f"({len(rest)} more)", "probability": 100 * sum(r.probability for r in rest), "form": ""}
            )
        rows.append({"class": "(none of these)", "probability": 100 * self.none_of_these, "form": ""})
        columns = {"class": "class", "probability": "probability, %", "distance": "distance", "form": "levels"}
        said = [*self.notes, *([f"The data doctor: {self.doctor}"] if self.doctor else [])]
        notes = "".join(f"\n{plain_markdown(note)}\n" for note in said)
        why = f"\n{self.explanation}" if self.explanation is not None else ""
        return format_table(rows, columns) + notes + why

    def __str__(self) -> str:
        return self._repr_markdown_()

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready record with all classes."""
        record: dict[str, object] = {
            "clip": self.clip,
            "label": self.label,
            "classes": [
                {
                    "name": r.name,
                    "levels": r.source,
                    "distance": round(r.distance, 5),
                    "probability": round(r.probability, 5),
                }
                for r in self.ranked
            ],
            "none_of_these": round(self.none_of_these, 5),
            "attributes_measured": self.measured,
            "attributes_lost": self.lost,
            "left_out": self.left_out,
            "notes": list(self.notes),
            "doctor": self.doctor,
        }
        return record | ({"why": self.explanation.to_dict()} if self.explanation is not None else {})


def recognise(
    clip: Clip,
    classes: Words = "",
    *,
    dataset: str = "",
    form: str | Path = "",
    layout: str = "",
    rate: float = 0.0,
    format: str = "",
    unit: str = "",
    up: str = "",
    accept: Sequence[str] = (),
    two_persons: bool = False,
    why: bool = False,
    language_model: str = "offline",
) -> Recognition:
    """Rank classes for one clip by its motion alone.

    The clip's attributes are measured and compared with the levels that each class is expected to have. No data set,
    no trained run and no GPU are needed; a language model only where words have no form.

    Args:
        clip: a file of any format that is read (see :func:`open_in_space`), or an array ``[frame, joint, xyz]`` or
            ``[person, frame, joint, xyz]`` in metres.
        classes: ``"squat; lunge: one leg steps far forward"``, the same as a list, or label to description; empty for
            the known classes. See :func:`choose_candidates`, also for ``dataset``, ``form`` and ``language_model``.
        dataset: only classes of this data set; with ``classes`` only its forms; not with a form alone.
        form: a form of your own, a ``.toml`` file.
        layout: the joint layout; default: as the file says, and ``ntu25`` for an array.
        rate: frames a second; default: as the file says, else 30.
        format, unit, up: of a file that does not say them.
        accept: checks of the doctor whose findings in a file are accepted.
        two_persons: rank classes of two persons also for a clip with one.
        why: explain the lead of the first class over the second.
        language_model: what foretells the levels of words.

    Raises:
        DataError: the clip can't be read, has a single frame, or shows no body or one without extent; or the doctor
            refuses it.
        TextError: the classes, the data set or the form are broken.
        ConfigError: a form and a data set are named, but no classes.
        MissingModelError: words have no form, and the language model is not installed.
    """
    require_clip(clip)
    candidates = choose_candidates(classes, dataset=dataset, form=form, language_model=language_model)
    if isinstance(clip, np.ndarray):
        sequence, body = read_clip(clip, layout or "ntu25")
        joints, hertz = np.asarray(sequence.joints), rate or KINECT_RATE
        return recognise_joints(joints, candidates, layout=body, rate=hertz, why=why, two_persons=two_persons)
    opened = open_in_space(clip, layout=layout, rate=rate, format=format, unit=unit, up=up, accept=accept)
    answer = recognise_opened(opened, candidates, why=why, two_persons=two_persons)
    reading = {"layout": layout, "rate": rate, "format": format, "unit": unit, "up": up, "accept": accept}
    return replace(answer, doctor=doctor_says(opened, answer.lost, clip, **reading))


def require_clip(clip: object) -> None:
    """Refuse what is neither a file nor an array.

    Raises:
        DataError: it is something else, such as a list or a tensor.
    """
    if not isinstance(clip, (str, Path, np.ndarray)):
        raise DataError(
            f"a clip is a file, or an array [frame, joint, xyz] or [person, frame, joint, xyz], got a value of type "
            f"{type(clip).__name__}",
            where="clip",
            remedy="Give a path, or an array: numpy.asarray(clip).",
        )


def open_in_space(path: str | Path, **how: Any) -> OwnClip:
    """Open a clip of bodies in space.

    Args:
        path: a file of any format that is read, or a folder with a file for each frame.
        how: see :func:`~zsar_kit.experiments.pipeline.own_clip.open_clip`.

    Raises:
        DataError: the clip cannot be read, has points of a picture, or the doctor refuses it.
    """
    clip = open_clip(path, **how)
    if clip.flat:
        problem = "the clip has points of a picture, and attributes are measured on bodies in space"
        raise DataError(
            problem, where=path, remedy="Give 3-D joints, or train a run on such points (docs/own_data.md)."
        )
    return clip


def recognise_opened(
    clip: OwnClip, candidates: Candidates, *, name: str = "", why: bool = False, two_persons: bool = False
) -> Recognition:
    """As :func:`recognise`, of a clip that was opened; the doctor's line stands in the answer.

    Args:
        clip: of :func:`open_in_space`.
        candidates: see :func:`choose_candidates`.
        name: of the clip in the answer; default: its own.
        why: explain the lead of the first class over the second.
        two_persons: rank classes of two persons also for a clip with one.
    """
    answer = recognise_joints(
        clip.joints,
        candidates,
        layout=clip.layout,
        rate=clip.rate,
        missing=clip.missing,
        name=name or clip.name,
        why=why,
        two_persons=two_persons,
    )
    return replace(answer, doctor=doctor_line(clip, answer.lost))


def recognise_joints(
    joints: Float[np.ndarray, "person frame joint 3"],
    candidates: Candidates,
    *,
    layout: str = "ntu25",
    rate: float = KINECT_RATE,
    missing: Bool[np.ndarray, "person frame joint"] | None = None,
    name: str = "clip",
    why: bool = False,
    two_persons: bool = False,
) -> Recognition:
    """As :func:`recognise`, of an array and with candidates that are ready."""
    bodies, values = measured_clip(joints, layout, rate, name, missing)
    levels = levels_of(values[None])[0]
    left_out, notes = 0, candidates.notes
    if not (two_persons or bodies.two[0]):
        for_one = candidates.of_one_person()
        candidates, left_out = for_one, len(candidates) - len(for_one)
    if left_out:
        notes = (*notes, left_out_note(left_out))
    apart = distances(levels, candidates.levels)
    kept = nearest_of_each_meaning(apart, candidates)
    near, constants = apart[kept], none_of_these()
    known = float(constants.one_of_these(near))
    probabilities = known * constants.classes(near)
    ranked = tuple(
        Ranked(candidates.names[i], candidates.sources[i], float(apart[i]), float(p))
        for i, p in zip(kept, probabilities, strict=True)
    )
    measured, lost = int(np.isfinite(levels).sum()), int(attributes_lost(bodies)[0])
    answer = Recognition(name, ranked, 1.0 - known, measured, notes, left_out=left_out, lost=lost)
    if not why:
        return answer
    rows = candidates.levels[kept[:2]]
    names = (ranked[0].name, ranked[1].name)
    sources = {candidates.sources[i] for i in kept[:2]}
    note = "Levels of a class are foretold, so what it expects is a guess." if FORETOLD in sources else ""
    shares = shares_of_distance(levels, rows)
    return replace(answer, explanation=explain_lead(bodies, values, shares, rows, names, clip=name, note=note))


def left_out_note(number: int, clip: str = "The clip has one person:") -> str:
    """What is said of classes that were not ranked."""
    classes, are = counted(number, "class"), "is" if number == 1 else "are"
    return f"{clip} {classes} of two persons {are} left out (--two-persons ranks them too)."


def measured_clip(
    joints: Float[np.ndarray, "person frame joint 3"],
    layout: str,
    rate: float,
    name: str,
    missing: Bool[np.ndarray, "person frame joint"] | None = None,
) -> tuple[Bodies, Float[np.ndarray, " a"]]:
    """The body of one clip, and its attributes in their units.

    Args:
        joints: the clip.
        layout: its joint layout.
        rate: frames a second.
        name: for messages.
        missing: which joints were not found and are filled in; default: those at zero.

    Raises:
        DataError: see :func:`recognise`; or hips or shoulders were not found for most of the clip.
    """
    seen = (joints != 0).any(axis=(2, 3)).any(0)
    if joints.shape[1] < FEWEST or seen.sum() < FEWEST:
        problem = f"motion needs at least {FEWEST} frames with a body, got {int(seen.sum())}"
        raise DataError(problem, where=name, remedy="Give a longer clip.")
    marks = None if missing is None else [missing]
    bodies = Bodies.of([np.asarray(joints, dtype=np.float32)], layout, rate, [name], marks)
    if bodies.lost[0, TRUNK_JOINTS].any():
        problem = "hips or shoulders were not found for most of the clip, and attributes are measured by them"
        raise DataError(problem, where=name, remedy="Give a clip that shows the trunk.")
    return bodies, measure_bodies(bodies)[0]


def nearest_of_each_meaning(apart: Float[np.ndarray, " class"], candidates: Candidates) -> list[int]:
    """Rows by distance; a class that means the same as a nearer one is left out."""
    kept: list[int] = []
    covered: set[tuple[str, int] | None] = set()
    for i in np.argsort(apart, kind="stable").tolist():
        if candidates.keys[i] not in covered:
            covered |= candidates.meanings[i]
            kept.append(i)
    return kept


def recognise_stream(
    frames: Iterable[np.ndarray],
    candidates: Candidates,
    *,
    window: float = 3.0,
    hop: float = 1.0,
    layout: str = "ntu25",
    rate: float = KINECT_RATE,
    why: bool = False,
    two_persons: bool = False,
) -> Iterator[tuple[float, float, Recognition | DataError]]:
    """Answers for a stream, one a window.

    The first comes when a whole window has arrived, then one every hop; what is left at the end has a last one, over
    the last window (or over all, if the stream is shorter than one).

    Args:
        frames: each ``[person, joint, xyz]`` in metres; the number of persons may change, and 0 persons are none.
        candidates: see :func:`choose_candidates`.
        window, hop: seconds.
        layout: the joint layout.
        rate: frames a second.
        why: explain each answer.
        two_persons: rank classes of two persons also where a window has one person.

    Yields:
        Start and end of the window in seconds, and the answer; or, where a window shows nobody, what is wrong.

    Raises:
        ConfigError: window, hop or rate are not positive, or a window has fewer than two frames.
        DataError: a frame has another shape than the layout.
    """
    for start, end, clip in windows(frames, window=window, hop=hop, layout=layout, rate=rate):
        name = f"{start:.1f} to {end:.1f} s"
        try:
            answer = recognise_joints(
                clip, candidates, layout=layout, rate=rate, name=name, why=why, two_persons=two_persons
            )
        except DataError as error:
            yield start, end, error
        else:
            yield start, end, replace(answer, doctor=suspect_in_window(clip, layout, rate))
