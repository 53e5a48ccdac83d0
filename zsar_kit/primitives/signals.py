"""Operations on padded signals ``[clip, frame]`` that attributes are made of.

Clips of a batch are padded by repeating their last frame. So extrema, paths and velocities of the padding are those of
a body that stands still, and only means and shares need the mask of real frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import gaussian_filter1d

Signal = Float[np.ndarray, "clip frame"]
Mask = Bool[np.ndarray, "clip frame"]
PerClip = Float[np.ndarray, " clip"]

# Shorter vectors than this (in torso lengths, or their product) have no direction.
TINY = 1e-6

_NOTED: ContextVar[list[tuple[np.ndarray, int]] | None] = ContextVar("noted frames", default=None)


@contextmanager
def frames_noted() -> Iterator[list[tuple[np.ndarray, int]]]:
    """The frames that computations inside pick, in their order: (one a clip, number of frames they are picked from).

    An attribute thereby tells where it is read, and nobody has to declare it a second time.
    """
    noted: list[tuple[np.ndarray, int]] = []
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)


def note_frame(frame: Int[np.ndarray, " clip"], frames: int) -> None:
    """Note frames that a computation picks, if anybody listens."""
    if (noted := _NOTED.get()) is not None:
        noted.append((frame, frames))


def length(vectors: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape"]:
    """Lengths of vectors."""
    return np.sqrt(dot(vectors, vectors))


def unit(vectors: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 3"]:
    """Vectors at length 1; zero vectors stay zero."""
    return vectors / np.maximum(length(vectors), TINY)[..., None]


def dot(a: Float[np.ndarray, "*#shape 3"], b: Float[np.ndarray, "*#shape 3"]) -> Float[np.ndarray, "*shape"]:
    """Inner products of vectors, written out: a reduction over an axis of three is many times slower."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def smooth(signal: np.ndarray, seconds: float, rate: float, axis: int = 1) -> np.ndarray:
    """Gaussian smoothing along time with a standard deviation in seconds; the ends repeat their value."""
    sigma = seconds * rate
    return signal if sigma < 0.2 else gaussian_filter1d(signal, sigma, axis=axis, mode="nearest", truncate=3.0)


def held(signal: np.ndarray, frames: Int[np.ndarray, " clip"]) -> np.ndarray:
    """The signal, in place, with its padding at the last real value: smoothing lets it drift on behind the end."""
    for row, count in zip(signal, frames.tolist(), strict=True):
        row[count:] = row[count - 1]
    return signal


def velocity(position: np.ndarray, rate: float) -> np.ndarray:
    """Change per second between neighbouring frames, along axis 1; the first frame has 0."""
    return np.diff(position, axis=1, prepend=position[:, :1]) * rate


def masked_mean(signal: Signal, mask: Mask) -> PerClip:
    """Mean over the frames of a mask; NaN where it is empty."""
    count = mask.sum(1)
    total = np.where(mask, signal, 0.0).sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def masked_max(signal: Signal, mask: Mask) -> PerClip:
    """Maximum over the frames of a mask; NaN where it is empty."""
    shown = np.where(mask, signal, -np.inf)
    best = shown.max(1)
    if _NOTED.get() is not None:
        note_frame(shown.argmax(1), shown.shape[1])
    return np.where(np.isfinite(best), best, np.nan)


def masked_range(signal: Signal, mask: Mask) -> PerClip:
    """Maximum minus minimum over the frames of a mask; NaN where it is empty."""
    return masked_max(signal, mask) + masked_max(-signal, mask)


def masked_percentile(signal: Signal, mask: Mask, percent: float) -> PerClip:
    """A percentile over the frames of a mask, interpolated between neighbours; NaN where it is empty."""
    ordered = np.sort(np.where(mask, signal, np.inf), axis=1)
    count = mask.sum(1)
    place = percent / 100 * np.maximum(count - 1, 0)
    low = place.astype(int)
    lower, upper = at(ordered, low), at(ordered, np.minimum(low + 1, np.maximum(count - 1, 0)))
    some = count > 0
    lower, upper = np.where(some, lower, np.nan), np.where(some, upper, np.nan)
    return lower + (place - low) * (upper - lower)


def near_top(signal: Signal, mask: Mask, within: float) -> Mask:
    """The frames of a mask in which a signal is within ``within`` of its greatest value there.

    A hand that is held up is highest all that time; which single frame has the greatest value is for noise to say.
    """
    with np.errstate(invalid="ignore"):
        return mask & (signal >= masked_max(signal, mask)[:, None] - within)


def share(condition: Mask, mask: Mask) -> PerClip:
    """Share of the frames of a mask that meet a condition; NaN where the mask is empty."""
    return masked_mean(condition.astype(np.float32), mask)


def at(signal: np.ndarray, frame: Int[np.ndarray, " clip"]) -> np.ndarray:
    """The value of each clip's signal ``[clip, frame, ...]`` at a frame of its own."""
    note_frame(frame, signal.shape[1])
    return signal[np.arange(len(signal)), frame]


def first_true(mask: Mask) -> Int[np.ndarray, " clip"]:
    """The first frame of a mask; 0 where it is empty."""
    return mask.argmax(1)


def last_true(mask: Mask) -> Int[np.ndarray, " clip"]:
    """The last frame of a mask; the last one of all where it is empty."""
    return mask.shape[1] - 1 - mask[:, ::-1].argmax(1)


def correlation(a: Signal, b: Signal, mask: Mask, least: float) -> PerClip:
    """Correlation of two signals about zero, ``sum ab / sqrt(sum a^2 sum b^2)``, pulled to 0 where one hardly moves.

    Args:
        a, b: velocities.
        mask: the frames that count.
        least: a root mean square below which a signal counts as still; it is added to both in the denominator.
    """
    a, b = np.where(mask, a, 0.0), np.where(mask, b, 0.0)
    count = np.maximum(mask.sum(1), 1)
    floor = count * least**2
    return (a * b).sum(1) / np.sqrt(((a * a).sum(1) + floor) * ((b * b).sum(1) + floor))


def reversals(signal: Signal, threshold: float | PerClip) -> PerClip:
    """How often each signal turns back by more than a threshold: turning points of the zigzag with hysteresis.

    A turn counts once the signal has come back from its last extremum by ``threshold``. A monotone signal has none, one
    rise and fall has one.
    """
    clips = len(signal)
    limit = np.broadcast_to(np.asarray(threshold, dtype=np.float64), (clips,))
    by_frame = np.ascontiguousarray(signal.T, dtype=np.float64)
    low, high = by_frame[0].copy(), by_frame[0].copy()
    rising, falling = np.zeros(clips, dtype=bool), np.zeros(clips, dtype=bool)
    turns = np.zeros(clips)
    for value in by_frame[1:]:
        np.maximum(high, value, out=high)
        np.minimum(low, value, out=low)
        falls = (high - value > limit) & ~falling
        rises = (value - low > limit) & ~rising & ~falls
        turned = falls | rises
        if not turned.any():
            continue
        turns += (falls & rising) | (rises & falling)
        falling, rising = falls | (falling & ~rises), rises | (rising & ~falls)
        high[turned] = low[turned] = value[turned]
    return turns


def alternations(signal: Signal, threshold: float) -> PerClip:
    """How often each signal leaves for the other side: runs of alternate sign, beyond a threshold either way."""
    frames = np.arange(signal.shape[1])
    side = np.where(np.abs(signal) > threshold, np.sign(signal), 0.0)
    latest = np.maximum.accumulate(np.where(side != 0, frames, -1), axis=1)
    held_side = np.where(latest >= 0, np.take_along_axis(side, np.maximum(latest, 0), axis=1), 0.0)
    return (np.diff(held_side, axis=1, prepend=0.0) != 0).sum(1).astype(float)


def turning(a: Signal, b: Signal, mask: Mask, radius: float, around: Mask | None = None) -> PerClip:
    """Signed turns of a plane path about the middle of its extent, in the sense from ``a`` to ``b``.

    Steps count in proportion to how far from the middle they are, up to ``radius``, so that noise near the middle does
    not wind. Only steps between two frames of the mask count; the extent is that of the frames ``around``, by default
    the same.
    """
    around = mask if around is None else around
    middle_a = 0.5 * (masked_max(a, around) - masked_max(-a, around))
    middle_b = 0.5 * (masked_max(b, around) - masked_max(-b, around))
    x, y = a - np.nan_to_num(middle_a)[:, None], b - np.nan_to_num(middle_b)[:, None]
    angle = np.arctan2(y, x)
    step = np.diff(angle, axis=1)
    step = (step + np.pi) % (2 * np.pi) - np.pi
    weight = np.minimum(np.hypot(x, y) / radius, 1.0)
    both = mask[:, 1:] & mask[:, :-1]
    total = np.where(both, step * np.minimum(weight[:, 1:], weight[:, :-1]), 0.0).sum(1) / (2 * np.pi)
    return np.where(mask.any(1), total, np.nan)


def strongest_rhythm(
    signals: Float[np.ndarray, "clip frame k"], rate: float, shortest: float, longest: float
) -> PerClip:
    """The greatest normalised autocorrelation of vector signals at lags from ``shortest`` to ``longest`` seconds.

    ``r(lag) = sum_t x(t) x(t + lag) / sum_t x(t)^2``; only a lag after the first fall below zero counts, since slow
    motion is like itself at any short lag. 0 where nothing moves.
    """
    power = (signals * signals).sum((1, 2))
    best = np.zeros(len(signals))
    fell = np.zeros(len(signals), dtype=bool)
    for lag in range(1, min(signals.shape[1] - 1, int(longest * rate)) + 1):
        value = np.einsum("cfk,cfk->c", signals[:, lag:], signals[:, :-lag]) / np.maximum(power, TINY)
        fell |= value < 0
        if lag >= shortest * rate:
            best = np.where(fell, np.maximum(best, value), best)
    return np.where(power > TINY, best, 0.0)
