"""How a method wants its class texts encoded."""

from __future__ import annotations

from dataclasses import dataclass

from zsar_kit.config import Config


@dataclass(frozen=True)
class TextEncoding(Config):
    """What a method needs of the language model's states.

    Attributes:
        projected: states of CLIP go through its text projection; other models have none.
        pad_to: pad every text to this many tokens and keep the states there; 0 for no padding.
    """

    projected: bool = True
    pad_to: int = 0

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.pad_to >= 0, "pad_to", "at least 0")
