"""Names of methods, and their presets. A new method is one file: a config, a class, and a call of :func:`register`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.methods.base import Method, MethodConfig

_MODULES = ("zsar_kit.methods.flora", "zsar_kit.methods.skeleton_context", "zsar_kit.methods.baselines")


@dataclass(frozen=True)
class Entry:
    """A registered method: its class and its presets by name."""

    method: type[Method]
    presets: Mapping[str, MethodConfig]


_ENTRIES: dict[str, Entry] = {}


def register(name: str, method: type[Method], presets: Mapping[str, MethodConfig]) -> None:
    """Make a method known under ``name``.

    Raises:
        ConfigError: the name is taken by another class.
    """
    if name in _ENTRIES and _ENTRIES[name].method is not method:
        raise ConfigError(f"the method name {name!r} is already taken by {_ENTRIES[name].method.__name__}")
    _ENTRIES[name] = Entry(method, dict(presets))


def methods() -> dict[str, Entry]:
    """All methods of the kit by name, and those that the caller has registered."""
    for module in _MODULES:
        import_module(module)
    return dict(_ENTRIES)


def entry(name: str) -> Entry:
    """The method called ``name``.

    Raises:
        ConfigError: there is none; the nearest name is offered.
    """
    known = methods()
    if name not in known:
        raise ConfigError(f"unknown method {name!r}", remedy=nearest_name(name, known))
    return known[name]


def preset(name: str, preset_name: str) -> MethodConfig:
    """A preset of a method.

    Raises:
        ConfigError: there is no such method or preset.
    """
    presets = entry(name).presets
    if preset_name not in presets:
        raise ConfigError(f"method {name!r} has no preset {preset_name!r}", remedy=nearest_name(preset_name, presets))
    return presets[preset_name]
