"""Attributes in words: amounts with their unit, levels with their meaning, and sentences that compare them."""

from __future__ import annotations

import math
import re

import numpy as np

from zsar_kit.primitives.attributes import Attribute
from zsar_kit.reprs import Marked, plain_markdown

#: a measured level this near to the expected one is "as expected": half a step of a form
AS_EXPECTED = 0.125
_CLOSENESS = re.compile(r"^(closeness|nearness) (of [^:]*|[^:]*): minus (the|their) least (level )?distance.*$")
_BEYOND_ONE = re.compile(r", beyond one .*$")
_ASIDE = re.compile(r" *\((0\.25|0\.75): ([^)]*)\)")


def spoken_about(attribute: Attribute) -> str:
    """What is measured; a closeness, which is minus a distance, is spoken of as the distance.

    Turns are counted from one where one is the least: there is no "beyond one" about the number itself.
    """
    if found := _CLOSENESS.match(attribute.about):
        return f"least distance {found.group(2)}"
    return _BEYOND_ONE.sub("", attribute.about) if attribute.unit == "count" else attribute.about


def amount(attribute: Attribute, value: float) -> str:
    """A measured or expected value with its unit, as it is said: ``1.1 T``, ``3 times``, ``40 % of the time``."""
    if _CLOSENESS.match(attribute.about):
        return f"{max(-value, 0.0):.1f} T"
    match attribute.unit:
        case "deg":
            return f"{value:.0f} degrees"
        case "count" if attribute.name == "two_persons":
            return f"{value:.0f}"
        case "count":
            shown = f"{value:.1f}".removesuffix(".0")
            return "once" if shown == "1" else f"{shown} times"
        case "share" if attribute.about.startswith("share of the time"):
            return f"{100 * value:.0f} %"
        case "share":
            return _rounded(value, 2)
        case unit:
            return f"{_rounded(value, 1)} {unit}"


def _rounded(value: float, digits: int) -> str:
    """A number without the sign of a zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def meaning(attribute: Attribute, level: float) -> str:
    """What a level means: the words of the nearest of 0, 0.5 and 1, or of 0.25 and 0.75 where the list has them, or
    ``between A and B``; ``unknown`` where it is not known."""
    if math.isnan(level):
        return "unknown"
    words = {0.0: attribute.zero, 0.5: attribute.half, 1.0: attribute.one}
    asides = {float(m.group(1)): m.group(2) for text in words.values() for m in _ASIDE.finditer(text)}
    words = {k: _ASIDE.sub("", text) for k, text in words.items()} | asides
    step = min(max(round(4 * level) / 4, 0.0), 1.0)
    if step in words:
        return words[step]
    return f"between “{words[step - 0.25]}” and “{words[step + 0.25]}”"


def level_of(attribute: Attribute, value: float) -> float:
    """The level of one measured value."""
    return float(attribute.level(np.array([value], dtype=np.float64))[0])


def sentence(
    attribute: Attribute,
    value: float,
    expected: tuple[float, float],
    names: tuple[str, str],
) -> str:
    """One attribute, measured and as two classes expect it.

    Args:
        attribute: which one.
        value: measured, in its unit.
        expected: levels that the two classes expect; NaN where a class leaves it open.
        names: of the two classes; they are texts of people, and are escaped.

    Returns:
        Markdown on one line. "As X expects" is said where measured and expected level differ by half a step of a form
        (0.125) or less.
    """
    measured = level_of(attribute, value)
    parts = []
    for level, name in zip(expected, names, strict=True):
        # Two classes next to each other may both be as expected; each is judged by its own level.
        if math.isnan(level):
            parts.append(f"{emphasised(name)} leaves it open")
        elif abs(measured - level) <= AS_EXPECTED:
            parts.append(f"as {emphasised(name)} expects ({meaning(attribute, level)})")
        else:
            shown = f"{amount(attribute, attribute.value(level))}: {meaning(attribute, level)}"
            parts.append(f"{emphasised(name)} expects {shown}")
    joint = ", " if parts[0].startswith("as ") else "; "
    text = f"{spoken_about(attribute)}: {amount(attribute, value)}{joint}{parts[0]}; {parts[1]}"
    return Marked(text[0].upper() + text[1:] + ".")


def emphasised(name: str) -> str:
    """A class name in italics."""
    return f"*{plain_markdown(name)}*"
