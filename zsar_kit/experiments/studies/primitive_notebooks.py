"""Parameters of the notebooks on kinematic primitives."""

from __future__ import annotations

from dataclasses import dataclass

from zsar_kit.config import Config
from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.primitives.attributes import attribute_names


@dataclass(frozen=True)
class PrimitivesParameters(Config):
    """Parameters of ``13_primitives.ipynb``."""

    dataset: str = "puppet"
    split: str = "23/5"
    method: str = "primitives"
    preset: str = "fixed"
    samples: tuple[str, ...] = ()
    least: int = 8
    workspace: str = "workspace"
    out: str = "figures"
    device: str = "auto"

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.least >= 1, "least", "at least 1")


@dataclass(frozen=True)
class FormParameters(Config):
    """Parameters of ``53_edit_forms.ipynb``."""

    form: str = "workspace/mine.toml"
    action: str = "wave with both arms"
    attribute: str = "lead_hand_highest"
    by_text: bool = False
    language_model: str = "offline"
    workspace: str = "workspace"
    out: str = "figures"

    def validate(self) -> None:
        """Check names."""
        self.require(self.form.endswith(".toml"), "form", "a path that ends in .toml")
        self.require(bool(self.action.strip()), "action", "the name of an action")
        if self.attribute not in attribute_names():
            raise ConfigError(
                f"unknown attribute {self.attribute!r}", remedy=nearest_name(self.attribute, attribute_names())
            )
