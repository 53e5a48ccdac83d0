"""What an attribute looks like at a level: a short clip of the stick body that has that level when it is measured.

A family of motions (:mod:`zsar_kit.primitives.motions`) is measured at 25 settings from little to much, then at 13 more
between the neighbours of the best; the setting whose level is nearest the wanted one is drawn. Times, speeds and shares
of time have no picture: :func:`drawable` leaves them out, and their level is said in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32

from zsar_kit.errors import ConfigError
from zsar_kit.primitives import drawn_arms, drawn_body, drawn_paths, drawn_persons
from zsar_kit.primitives.attributes import attribute, attribute_names
from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.motions import Motion, registered
from zsar_kit.primitives.pose import RATE, STANDING, hold, joints_of
from zsar_kit.primitives.topics import functions

COARSE, FINE = 25, 13


#: the modules that hold the families; importing them registers these
FAMILY_MODULES = (drawn_arms, drawn_paths, drawn_body, drawn_persons)


@dataclass(frozen=True, eq=False)
class Drawing:
    """A clip that shows a level.

    Attributes:
        joints: ``[person, frame, 25, 3]`` in metres; x right, y forward, z up as the first person sees it.
        level: the level as measured; NaN for a body that only stands because the attribute has no picture.
        shown: the frame in which the attribute is read.
        ghost: a frame to draw pale behind it, or None.
        marked, traced: joints that it reads, and those whose paths matter.
    """

    joints: Float32[np.ndarray, "person frame joint 3"]
    level: float
    shown: int
    ghost: int | None
    marked: tuple[str, ...]
    traced: tuple[str, ...]

    def __repr__(self) -> str:
        persons, frames = self.joints.shape[:2]
        return f"Drawing({persons} of {frames} frames, level {self.level:.2f}, frame {self.shown} shown)"


def drawable() -> tuple[str, ...]:
    """Names of the attributes that have a picture, in the order of the list."""
    return tuple(name for name in attribute_names() if name in registered())


@lru_cache(maxsize=2048)
def drawing(name: str, level: float) -> Drawing:
    """The drawing of an attribute at a level.

    Args:
        name: of the attribute. One without a picture (not :func:`drawable`) gives a body that stands.
        level: from 0 to 1; NaN (unknown) gives a body that stands.

    Raises:
        ConfigError: there is no such attribute, or the level is out of range.
    """
    attribute(name)
    if not (np.isnan(level) or 0.0 <= level <= 1.0):
        raise ConfigError(f"a level is from 0 to 1, got {level}", where=name)
    if np.isnan(level) or name not in registered():
        return _drawn(Motion(hold(STANDING, 1.0), ()), float("nan"))
    coarse = _coarse(name)
    best = _nearest(coarse, level)
    settings = np.linspace(0.0, 1.0, COARSE)
    fine = np.linspace(settings[max(best - 1, 0)], settings[min(best + 1, COARSE - 1)], FINE)
    levels = _levels(name, fine)
    chosen = _nearest(levels, level)
    return _drawn(registered()[name](float(fine[chosen])), float(levels[chosen]))


@lru_cache(maxsize=256)
def _coarse(name: str) -> Float[np.ndarray, " setting"]:
    return _levels(name, np.linspace(0.0, 1.0, COARSE))


def _levels(name: str, settings: Float[np.ndarray, " setting"]) -> Float[np.ndarray, " setting"]:
    """Measured levels of a family's members, cut to 0..1; NaN where the attribute is missing."""
    clips = [_clip(registered()[name](float(s))) for s in settings]
    bodies = Bodies.of(clips, "ntu25", RATE)
    with np.errstate(invalid="ignore"):
        values = functions()[name](bodies)
    return np.clip(attribute(name).level(values.astype(np.float64)), 0.0, 1.0)


def _nearest(levels: Float[np.ndarray, " setting"], level: float) -> int:
    """The setting nearest the level; of several as near, the middle one."""
    away = np.where(np.isfinite(levels), np.abs(levels - level), np.inf)
    best = np.flatnonzero(away <= away.min() + 1e-3)
    return int(best[len(best) // 2] if 0.0 < level < 1.0 else best[0])


def _clip(motion: Motion) -> Float32[np.ndarray, "person frame joint 3"]:
    persons = [joints_of(motion.poses)]
    if motion.partner is not None:
        persons.append(joints_of(motion.partner))
    return np.stack(persons)


def _drawn(motion: Motion, level: float) -> Drawing:
    frames = len(motion.poses)
    ghost = None if motion.ghost is None else motion.ghost % frames
    return Drawing(_clip(motion), level, motion.shown % frames, ghost, motion.marked, motion.traced)
