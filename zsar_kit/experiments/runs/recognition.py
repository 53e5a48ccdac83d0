"""Recognition out of the box: any clip, among the kit's known classes, forms of your own, or words; nothing is trained.

>>> import zsar_kit as zk
>>> answer = zk.recognise("clip.npy", "squat; lunge; wave", why=True)  # doctest: +SKIP
>>> answer.label, answer.none_of_these  # doctest: +SKIP
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.data.readers.clips import read_clip
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.runs.candidates import FORETOLD, Candidates, choose_candidates
from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.compare import distances, shares_of_distance
from zsar_kit.primitives.measure import KINECT_RATE, levels_of, measure_bodies
from zsar_kit.primitives.none_of_these import none_of_these
from zsar_kit.primitives.why import Explanation, explain_lead
from zsar_kit.reprs import plain_markdown

Clip = str | Path | np.ndarray
#: classes of an answer that its table shows
SHOWN = 5
#: a body seen for less than this, in frames, does not move
FEWEST = 2


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
    """

    clip: str
    ranked: tuple[Ranked, ...]
    none_of_these: float
    measured: int
    notes: tuple[str, ...] = ()
    explanation: Explanation | None = None

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
        notes = "".join(f"\n{plain_markdown(note)}\n" for note in self.notes)
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
            "notes": list(self.notes),
        }
        return record | ({"why": self.explanation.to_dict()} if self.explanation is not None else {})


def recognise(
    clip: Clip,
    classes: str = "",
    *,
    dataset: str = "",
    form: str | Path = "",
    layout: str = "ntu25",
    rate: float = KINECT_RATE,
    why: bool = False,
    language_model: str = "offline",
) -> Recognition:
    """Rank classes for one clip by its motion alone.

    The clip's attributes are measured and compared with the levels that each class is expected to have. No data set,
    no trained run and no GPU are needed; a language model only where words have no form.

    Args:
        clip: a file of a known data set, an array file or an array; see :func:`read_clip`.
        classes: ``"squat; lunge: one leg steps far forward"``; empty for the known classes. See
            :func:`choose_candidates`, also for ``dataset``, ``form`` and ``language_model``.
        dataset: only classes of this data set.
        form: a form of your own, a ``.toml`` file.
        layout: the joint layout of an array.
        rate: frames a second.
        why: explain the lead of the first class over the second.
        language_model: what foretells the levels of words.

    Raises:
        DataError: the clip can't be read, has a single frame, or shows no body or one without extent.
        TextError: the classes, the data set or the form are broken.
        MissingModelError: words have no form, and the language model is not installed.
    """
    candidates = choose_candidates(classes, dataset=dataset, form=form, language_model=language_model)
    sequence, own_layout = read_clip(clip, layout)
    return recognise_joints(
        np.asarray(sequence.joints), candidates, layout=own_layout, rate=rate, name=sequence.sample, why=why
    )


def recognise_joints(
    joints: Float[np.ndarray, "person frame joint 3"],
    candidates: Candidates,
    *,
    layout: str = "ntu25",
    rate: float = KINECT_RATE,
    name: str = "clip",
    why: bool = False,
) -> Recognition:
    """As :func:`recognise`, of an array and with candidates that are ready."""
    bodies, values = measured_clip(joints, layout, rate, name)
    levels = levels_of(values[None])[0]
    apart = distances(levels, candidates.levels)
    kept = nearest_of_each_meaning(apart, candidates)
    near, constants = apart[kept], none_of_these()
    known = float(constants.one_of_these(near))
    probabilities = known * constants.classes(near)
    ranked = tuple(
        Ranked(candidates.names[i], candidates.sources[i], float(apart[i]), float(p))
        for i, p in zip(kept, probabilities, strict=True)
    )
    answer = Recognition(name, ranked, 1.0 - known, int(np.isfinite(levels).sum()), candidates.notes)
    if not why:
        return answer
    rows = candidates.levels[kept[:2]]
    names = (ranked[0].name, ranked[1].name)
    sources = {candidates.sources[i] for i in kept[:2]}
    note = "Levels of a class are foretold, so what it expects is a guess." if FORETOLD in sources else ""
    shares = shares_of_distance(levels, rows)
    return replace(answer, explanation=explain_lead(bodies, values, shares, rows, names, clip=name, note=note))


def measured_clip(
    joints: Float[np.ndarray, "person frame joint 3"], layout: str, rate: float, name: str
) -> tuple[Bodies, Float[np.ndarray, " a"]]:
    """The body of one clip, and its attributes in their units.

    Raises:
        DataError: see :func:`recognise`; or nothing at all can be measured.
    """
    seen = (joints != 0).any(axis=(2, 3)).any(0)
    if joints.shape[1] < FEWEST or seen.sum() < FEWEST:
        problem = f"motion needs at least {FEWEST} frames with a body, got {int(seen.sum())}"
        raise DataError(problem, where=name, remedy="Give a longer clip.")
    bodies = Bodies.of([np.asarray(joints, dtype=np.float32)], layout, rate, [name])
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

    Yields:
        Start and end of the window in seconds, and the answer; or, where a window shows nobody, what is wrong.

    Raises:
        ConfigError: window, hop or rate are not positive, or a window has fewer than two frames.
        DataError: a frame has another shape than the layout.
    """
    for start, end, clip in windows(frames, window=window, hop=hop, layout=layout, rate=rate):
        name = f"{start:.1f} to {end:.1f} s"
        try:
            yield start, end, recognise_joints(clip, candidates, layout=layout, rate=rate, name=name, why=why)
        except DataError as error:
            yield start, end, error


def windows(
    frames: Iterable[np.ndarray], *, window: float, hop: float, layout: str, rate: float
) -> Iterator[tuple[float, float, Float[np.ndarray, "person frame joint 3"]]]:
    """The windows of a stream as clips, with their start and end in seconds, as :func:`recognise_stream` has them.

    Raises:
        ConfigError: window, hop or rate are not positive, or a window has fewer than two frames.
        DataError: a frame has another shape than the layout.
    """
    if not (rate > 0 and window > 0 and hop > 0 and np.isfinite([rate, window, hop]).all()):
        raise ConfigError(f"window, hop and rate must be positive, got {window}, {hop} and {rate}")
    length, step = round(window * rate), max(1, round(hop * rate))
    if length < FEWEST:
        raise ConfigError(f"a window needs at least {FEWEST} frames, {window:g} s at {rate:g} Hz are {length}")
    needed = len(joint_layout(layout))
    kept: deque[np.ndarray] = deque(maxlen=length)
    number = fresh = 0
    for frame in frames:
        number, fresh = number + 1, fresh + 1
        kept.append(_checked_frame(frame, needed, layout, number))
        if len(kept) == length and (fresh >= step or number == length):
            yield (number - len(kept)) / rate, number / rate, _stacked(kept, needed)
            fresh = 0
    if fresh:
        yield (number - len(kept)) / rate, number / rate, _stacked(kept, needed)


def _checked_frame(frame: np.ndarray, joints: int, layout: str, number: int) -> np.ndarray:
    frame = frame[None] if frame.ndim == 2 else frame
    if frame.size == 0:
        return np.zeros((0, joints, 3), dtype=np.float32)
    if frame.ndim != 3 or frame.shape[1:] != (joints, 3):
        raise DataError(
            f"a frame of layout {layout!r} is [person, {joints}, 3], got {list(frame.shape)}",
            where=f"frame {number}",
            remedy="Name the layout of your stream (--layout).",
        )
    if not np.isfinite(frame).all():
        raise DataError("a coordinate is not finite", where=f"frame {number}", remedy="Write 0, 0, 0 for it.")
    return frame.astype(np.float32)


def _stacked(frames: Iterable[np.ndarray], joints: int) -> Float[np.ndarray, "person frame joint 3"]:
    """Frames with different numbers of persons as one array; absent persons are zeros."""
    rows = list(frames)
    clip = np.zeros((max(1, *map(len, rows)) if rows else 1, len(rows), joints, 3), dtype=np.float32)
    for i, frame in enumerate(rows):
        clip[: len(frame), i] = frame
    return clip
