"""Named settings of encoders, read from ``resources/presets.toml``."""

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
        ConfigError: there is no such preset; the message suggests the nearest name.
    """
    if name not in _tables():
        raise ConfigError(f"unknown encoder preset {name!r}", remedy=nearest_name(name, _tables()))
    settings = dict(_tables()[name])
    if "milestones" in settings:  # papers give epochs, a configuration fractions
        settings["milestones"] = [epoch / settings["epochs"] for epoch in settings["milestones"]]
    return EncoderConfig.from_dict(settings)
