"""Named settings of encoders; they stand in ``resources/presets.toml`` and nowhere else."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.errors import ConfigError, nearest_name


@cache
def _tables() -> dict[str, dict[str, Any]]:
    text = (files("zsar_kit.encoders") / "resources" / "presets.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def encoder_presets() -> tuple[str, ...]:
    """Names of all presets."""
    return tuple(_tables())


def encoder_preset(name: str) -> EncoderConfig:
    """Encoder settings by name.

    Raises:
        ConfigError: there is no such preset; the nearest name is offered.
    """
    if name not in _tables():
        raise ConfigError(f"unknown encoder preset {name!r}", remedy=nearest_name(name, _tables()))
    settings = dict(_tables()[name])
    if "milestones" in settings:  # papers name epochs, a configuration fractions
        settings["milestones"] = [epoch / settings["epochs"] for epoch in settings["milestones"]]
    return EncoderConfig.from_dict(settings)
