"""All attributes' functions: importing the topics registers them."""

from __future__ import annotations

from zsar_kit.primitives import arms, hands, legs, paths, persons, places, trunk, whole
from zsar_kit.primitives.registry import Measure, registered

#: the modules that hold the functions, by topic or two
TOPIC_MODULES = (arms, places, hands, paths, trunk, legs, whole, persons)


def functions() -> dict[str, Measure]:
    """Attribute name to function, of all topics."""
    return registered()
