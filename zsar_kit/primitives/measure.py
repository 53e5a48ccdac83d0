"""Measure all attributes of many clips, in batches of similar length so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Bool, Float32, Int
from tqdm.auto import tqdm

from zsar_kit.errors import DataError
from zsar_kit.primitives.attributes import Attribute, attribute_names, attributes
from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.reads import joints_asked
from zsar_kit.primitives.topics import functions
from zsar_kit.reprs import markdown_table

#: clips that are read ahead, and frames of a padded batch; they bound the memory
READ_AHEAD, BATCH_FRAMES = 512, 12000
#: frames a second of the Kinect sensors that recorded the data sets in use
KINECT_RATE = 30.0


@dataclass(frozen=True, eq=False)
class Measured:
    """Attributes of some clips.

    Attributes:
        values: ``[clip, attribute]`` float32 in each attribute's unit, in the order of the list; NaN where missing.
    """

    values: Float32[np.ndarray, "clip attribute"]

    def __repr__(self) -> str:
        missing = float(np.isnan(self.values).mean()) if self.values.size else 0.0
        return f"Measured({len(self.values)} clips, {self.values.shape[1]} attributes, {missing:.0%} missing)"

    def __len__(self) -> int:
        return len(self.values)

    def _repr_markdown_(self) -> str:
        shown = self.values[:1]
        rows = [
            (a.name, f"{v:.2f} {a.unit}", f"{level:.2f}")
            for a, v, level in zip(
                attributes(), shown[0] if len(shown) else [], self.levels[0] if len(shown) else [], strict=False
            )
        ]
        return f"{self!r}; the first clip:\n\n" + markdown_table(("attribute", "measured", "level"), rows)

    @property
    def levels(self) -> Float32[np.ndarray, "clip attribute"]:
        """The same as levels, cut to -0.25..1.25; NaN where missing."""
        return levels_of(self.values)


def levels_of(values: Float32[np.ndarray, "clip attribute"]) -> Float32[np.ndarray, "clip attribute"]:
    """Levels of values in their units."""
    columns = [a.level(values[:, i].astype(np.float64)) for i, a in enumerate(attributes())]
    return np.stack(columns, axis=1).astype(np.float32)


def measure(
    clips: Iterable[np.ndarray],
    layout: str = "ntu25",
    *,
    rate: float = KINECT_RATE,
    names: Sequence[str] | None = None,
    missing: Iterable[np.ndarray] | None = None,
    progress: bool = False,
) -> Measured:
    """All attributes of clips.

    Args:
        clips: each ``[person, frame, joint, xyz]``, in metres or any other unit of length (attributes are in torso
            lengths), zeros where a person or a joint was not seen; read one after another. An attribute that reads a
            joint that was not seen for most of the clip is missing.
        layout: their joint layout.
        rate: frames a second.
        names: names for messages.
        missing: which joints were not found, each ``[person, frame, joint]``, of clips whose gaps are filled in;
            default: those at zero.
        progress: show a bar.

    Raises:
        DataError: no clip at all; or a clip without a body, or with a value that is not finite. One frame is a body
            that stands still.
    """
    parts: list[np.ndarray] = []
    bar = tqdm(desc="attributes", unit="clip", disable=not progress, total=None if names is None else len(names))
    marks = None if missing is None else iter(missing)
    with bar:
        for start, some in _read_ahead(clips):
            labels = [names[start + i] if names is not None else f"clip {start + i}" for i in range(len(some))]
            gaps = None if marks is None else list(islice(marks, len(some)))
            parts.append(_measure_some(some, layout, rate, labels, gaps, bar.update))
    if not parts:
        raise DataError("there is no clip to measure", remedy="Is the set, or the selection of it, empty?")
    return Measured(np.concatenate(parts))


def _read_ahead(clips: Iterable[np.ndarray]) -> Iterator[tuple[int, list[np.ndarray]]]:
    source, start = iter(clips), 0
    while some := list(islice(source, READ_AHEAD)):
        yield start, some
        start += len(some)


def _measure_some(
    clips: list[np.ndarray],
    layout: str,
    rate: float,
    names: list[str],
    missing: list[np.ndarray] | None,
    done: Callable[[int], object],
) -> np.ndarray:
    lengths = np.array([clip.shape[1] if clip.ndim == 4 else 0 for clip in clips])
    result = np.full((len(clips), len(attribute_names())), np.nan, dtype=np.float32)
    rest = np.argsort(lengths, kind="stable")
    while len(rest):
        # As many of the shortest clips left as fit, padded to the longest of them.
        fitting = np.arange(1, len(rest) + 1) * lengths[rest] <= BATCH_FRAMES
        count = max(1, int(fitting.argmin()) if not fitting.all() else len(rest))
        batch, rest = rest[:count], rest[count:]
        gaps = None if missing is None else [missing[i] for i in batch]
        bodies = Bodies.of([clips[i] for i in batch], layout, rate, [names[i] for i in batch], gaps)
        result[batch] = measure_bodies(bodies)
        done(count)
    return result


def measure_bodies(bodies: Bodies) -> Float32[np.ndarray, "clip attribute"]:
    """All attributes of one batch, in their units; NaN where a clip lacks what an attribute needs."""
    known = functions()
    columns = [_column(bodies, a, known[a.name]) for a in attributes()]
    values = np.stack(columns, axis=1).astype(np.float32)
    values[_reads_lost(bodies)] = np.nan
    return values


def attributes_lost(bodies: Bodies) -> Int[np.ndarray, " clip"]:
    """How many attributes a clip lacks only because they read joints that were not found for most of it."""
    apply = np.stack([_applies(bodies, a) for a in attributes()], axis=1)
    return (_reads_lost(bodies) & apply).sum(axis=1)


def _reads_lost(bodies: Bodies) -> Bool[np.ndarray, "clip attribute"]:
    unknown = np.zeros((len(bodies.joints), len(attribute_names())), dtype=bool)
    some = np.flatnonzero(bodies.lost.any(1) | bodies.partner_lost.any(1))
    for column, a in enumerate(attributes()) if len(some) else ():
        mine, theirs = joints_asked(a.name)
        unknown[some, column] = (bodies.lost[some] & mine).any(1) | (bodies.partner_lost[some] & theirs).any(1)
    return unknown


def _applies(bodies: Bodies, attribute: Attribute) -> Bool[np.ndarray, " clip"]:
    """Whether the layout has what an attribute needs, and the clip the persons."""
    if set(attribute.needs) - {"two"} - bodies.has:
        return np.zeros(len(bodies.joints), dtype=bool)
    return bodies.two if "two" in attribute.needs else np.ones(len(bodies.joints), dtype=bool)


def _column(bodies: Bodies, attribute: Attribute, function: Callable[[Bodies], np.ndarray]) -> np.ndarray:
    needed = set(attribute.needs) - {"two"}
    if needed - bodies.has:
        return np.full(len(bodies.joints), np.nan)
    if "two" not in attribute.needs:
        return function(bodies)
    column = np.full(len(bodies.joints), np.nan)
    if bodies.two.any():
        column[bodies.two] = function(bodies.pairs)
    return column


def packed(levels: Float32[np.ndarray, "row attribute"]) -> Float32[np.ndarray, "row two_attributes"]:
    """Levels with gaps as one finite table: the levels (0.5 where missing), then 1 where known and 0 where not.

    Measured levels of clips and expected levels of classes have this form wherever features and semantics are stored,
    so that a method that knows nothing of gaps can read them.
    """
    known = np.isfinite(levels)
    return np.concatenate([np.where(known, levels, 0.5), known], axis=1).astype(np.float32)
