"""The list of attributes: names, units, anchors and the meaning of levels, read from ``resources/attributes.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float

from zsar_kit.config import digest_of
from zsar_kit.errors import ConfigError, nearest_name

#: topics in the order of the list
TOPICS = ("arms", "places", "hands", "path", "trunk", "legs", "whole", "phases", "persons")
#: levels that a form may name
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
#: raised when an attribute is computed differently, so that stored features are made again, and runs on them
VERSION = 3
#: measured levels are cut here, a quarter beyond the anchors, so that one wild value decides nothing
LOWEST, HIGHEST = -0.25, 1.25


@dataclass(frozen=True)
class Attribute:
    """One attribute.

    Attributes:
        name: also the name of the function that computes it.
        topic: one of :data:`TOPICS`.
        about: what is measured.
        unit: ``T`` (torso lengths), ``T/s``, ``s``, ``deg``, ``count``, ``turns`` or ``share``.
        lo, hi: the measured values at levels 0 and 1.
        scale: ``linear`` in the value between them, or ``log``: in log(1 + value).
        neutral: level of somebody who stands still with hanging arms; ``None`` where that has none.
        zero, half, one: meanings of levels 0, 0.5 and 1.
        needs: what a clip must have: ``head``, ``hands`` (not only wrists), ``two`` (two persons).
        reversed_in_mirror: whether level 1 becomes 0 for the mirrored clip.
    """

    name: str
    topic: str
    about: str
    unit: str
    lo: float
    hi: float
    scale: str
    neutral: float | None
    zero: str
    half: str
    one: str
    needs: tuple[str, ...]
    reversed_in_mirror: bool

    def __repr__(self) -> str:
        return f"Attribute({self.name}: {self.about}, {self.lo:g} to {self.hi:g} {self.unit})"

    def level(self, value: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """``(value - lo) / (hi - lo)``, or the same of ``log(1 + value)``, cut to -0.25..1.25; NaN stays NaN."""
        lo, hi = self.lo, self.hi
        if self.scale == "log":
            value, lo, hi = np.log1p(np.maximum(value, 0.0)), np.log1p(lo), np.log1p(hi)
        return np.clip((value - lo) / (hi - lo), LOWEST, HIGHEST)

    def value(self, level: float) -> float:
        """The measured value that a level stands for; the inverse of :meth:`level` between its ends."""
        if self.scale == "log":
            return float(np.expm1(np.log1p(self.lo) + level * (np.log1p(self.hi) - np.log1p(self.lo))))
        return self.lo + level * (self.hi - self.lo)


@cache
def attributes() -> tuple[Attribute, ...]:
    """All attributes, in the order of the list."""
    text = files("zsar_kit.primitives").joinpath("resources/attributes.toml").read_text(encoding="utf-8")
    return tuple(
        Attribute(
            name=name,
            topic=row["topic"],
            about=row["about"],
            unit=row["unit"],
            lo=float(row["lo"]),
            hi=float(row["hi"]),
            scale=row.get("scale", "linear"),
            neutral=None if row["neutral"] == "unknown" else float(row["neutral"]),
            zero=row["zero"],
            half=row["half"],
            one=row["one"],
            needs=tuple(row.get("needs", ())),
            reversed_in_mirror=row.get("mirror") == "reversed",
        )
        for name, row in tomllib.loads(text).items()
    )


@cache
def attribute_names() -> tuple[str, ...]:
    """Names of all attributes, in the order of the list."""
    return tuple(a.name for a in attributes())


def attribute(name: str) -> Attribute:
    """The attribute of that name.

    Raises:
        ConfigError: there is none; the nearest name is offered.
    """
    names = attribute_names()
    if name not in names:
        raise ConfigError(f"unknown attribute {name!r}", remedy=nearest_name(name, names))
    return attributes()[names.index(name)]


@cache
def attributes_digest() -> str:
    """Digest of the whole list; forms and measured levels carry it."""
    return digest_of([repr(a) + a.scale + a.zero + a.half + a.one for a in attributes()])
