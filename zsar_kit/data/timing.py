"""Time: cropping, resampling, and how a sequence of any length becomes one of a fixed number of frames.

Arrays have the shape that :mod:`zsar_kit.data.skeletons` describes.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32

from zsar_kit.data.orientation import Skeleton, present
from zsar_kit.errors import DataError, nearest_name

Fit = Literal["resampled", "cropped", "padded", "looped"]
#: the share of a sequence, in its middle, that test feeders of CTR-GCN's family keep
MIDDLE = 0.95


def random_crop(shares: tuple[float, float], rng: np.random.Generator) -> tuple[float, float]:
    """Start and stop, as fractions of the duration, of an interval whose share is uniform in ``shares``."""
    share = rng.uniform(*shares)
    start = rng.uniform(0.0, 1.0 - share)
    return start, min(start + share, 1.0)


def resample(
    joints: Skeleton, frames: int = 64, *, start: float = 0.0, stop: float = 1.0
) -> Float32[np.ndarray, "person {frames} joint 3"]:
    """Bring a sequence, or its part from ``start`` to ``stop``, to ``frames`` frames by linear interpolation.

    The first and the last frame are kept exactly; a single frame is repeated. Between a frame with a person and one
    without, the frame with the person counts alone, so that nobody is dragged to the origin.

    Args:
        joints: the sequence.
        frames: how many frames come out.
        start, stop: fractions of the duration, ``0 <= start <= stop <= 1``.
    """
    last = joints.shape[1] - 1
    time = np.linspace(start * last, stop * last, frames)
    before = np.minimum(time.astype(np.int64), max(last - 1, 0))
    after = np.minimum(before + 1, last)
    share = (time - before).astype(np.float32)[:, None, None]
    result = joints[:, before] * (1.0 - share) + joints[:, after] * share
    if len(joints) > 1 or not present(joints).all():
        there = present(joints).astype(np.float32)
        weight = there[:, before] * (1.0 - share[:, 0, 0]) + there[:, after] * share[:, 0, 0]
        result /= np.where(weight > 0, weight, 1.0)[:, :, None, None]
    return result


def resize_time(joints: Skeleton, frames: int) -> Float32[np.ndarray, "person {frames} joint 3"]:
    """Linear resampling of time by the convention for images (OpenCV's bilinear resize).

    A frame is an interval with its pose in the middle: output frame ``i`` of ``frames`` is read at
    ``(i + 1/2) n / frames - 1/2`` of ``n`` input frames; before the first and after the last pose, that pose is taken.
    :func:`resample` differs: it keeps both ends.

    Args:
        joints: at least one frame.
        frames: how many come out.
    """
    last = joints.shape[1] - 1
    place = np.clip((np.arange(frames) + 0.5) * joints.shape[1] / frames - 0.5, 0, last)
    before = np.floor(place).astype(np.int64)
    after = np.minimum(before + 1, last)
    share = (place - before).astype(np.float32)[:, None, None]
    return joints[:, before] * (1.0 - share) + joints[:, after] * share


def loop(joints: Skeleton, frames: int) -> Float32[np.ndarray, "person {frames} joint 3"]:
    """Fill each person up to ``frames`` frames by repeating it from its own start; of more frames the first are kept.

    As in the pre-normalisation that Shift-GCN was released with, a person's trailing empty frames are filled, gaps
    included, so that two persons of different duration repeat at different times; and from a person who is absent in
    the first frame all empty frames are removed. A person who never appears stays zero.
    """
    result = np.zeros((len(joints), frames, *joints.shape[2:]), dtype=np.float32)
    for filled, person, there in zip(result, joints, present(joints), strict=True):
        if there.any():
            real = person[: int(np.flatnonzero(there)[-1]) + 1] if there[0] else person[there]
            filled[:] = np.resize(real, filled.shape)
    return result


def fit_frames(
    joints: Skeleton, frames: int, fit: str = "resampled", span: tuple[float, float] | None = None
) -> Float32[np.ndarray, "person {frames} joint 3"]:
    """Bring a sequence to ``frames`` frames.

    Args:
        joints: a sequence of any number of frames.
        frames: how many come out.
        fit: ``"resampled"``: the whole duration by :func:`resample`. ``"cropped"``: its middle 95 % by
            :func:`resize_time`, as the test feeders of CTR-GCN's family do. ``"padded"``: zeros at the end, and of more
            frames the first ones. ``"looped"``: see :func:`loop`.
        span: the part to use, as fractions of the duration: an augmentation. It is brought to ``frames`` frames by
            :func:`resample`, except that ``"padded"`` keeps its rate.

    Raises:
        DataError: there is no such fit.
    """
    if fit not in get_args(Fit):
        raise DataError(f"unknown fit {fit!r}", remedy=nearest_name(fit, get_args(Fit)))
    if fit == "padded":
        start, stop = span or (0.0, 1.0)
        first = round(start * joints.shape[1])
        kept = joints[:, first : max(round(stop * joints.shape[1]), first + 1)][:, :frames]
        return np.pad(kept, ((0, 0), (0, frames - kept.shape[1]), (0, 0), (0, 0)))
    if fit == "looped":
        joints = loop(joints, frames)
    if fit == "cropped" and span is None:
        aside = int((1 - MIDDLE) * joints.shape[1] / 2)
        return resize_time(joints[:, aside : joints.shape[1] - aside], frames)
    start, stop = span or (0.0, 1.0)
    return resample(joints, frames, start=start, stop=stop)
