"""Flora (papers/flora, section 4): ``config`` with the presets, ``method``, and ``texts``, the classes it can name."""

from zsar_kit.methods.flora.config import FloraConfig
from zsar_kit.methods.flora.method import Flora

__all__ = ["Flora", "FloraConfig"]
