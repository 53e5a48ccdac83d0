"""A stream of frames as clips: overlapping windows, and what the data doctor says of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float

from zsar_kit.data.doctor import examine_clip
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.errors import ConfigError, DataError

#: a body seen for less than this, in frames, does not move
FEWEST = 2


def suspect_in_window(joints: Float[np.ndarray, "person frame joint 3"], layout: str, rate: float) -> str:
    """Names of the doctor's checks that find something wrong in one window of a stream; empty if none does."""
    found = examine_clip(joints, layout, rate=rate)
    return ", ".join(dict.fromkeys(one.check for one in found if one.severity != "note"))


def windows(
    frames: Iterable[np.ndarray], *, window: float, hop: float, layout: str, rate: float
) -> Iterator[tuple[float, float, Float[np.ndarray, "person frame joint 3"]]]:
    """The windows of a stream as clips, with their start and end in seconds, as
    :func:`~zsar_kit.experiments.runs.recognition.recognise_stream` has them.

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
