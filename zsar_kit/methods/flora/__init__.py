"""Flora (section 4 of its paper): ``config`` with the presets, ``method``, and ``texts`` of the candidate classes."""

from zsar_kit.methods.flora.config import FloraConfig
from zsar_kit.methods.flora.method import Flora

__all__ = ["Flora", "FloraConfig"]
