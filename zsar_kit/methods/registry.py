"""Names of methods, and their presets. A new method is one file: a config, a class, and a call of :func:`register`.

All files in ``zsar_kit/methods`` and ``zsar_kit/methods/peers`` are imported; no list has to be maintained. Files
elsewhere are imported if the environment variable :data:`OWN_METHODS` names them, so that commands and the processes of
a batch know them, too.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import pkgutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from zsar_kit import methods
from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.methods import peers
from zsar_kit.methods.base import Method, MethodConfig

#: files that register methods of one's own, divided as in ``PATH``
OWN_METHODS = "ZSAR_METHODS"
_QUESTIONS = frozenset(name for name in vars(MethodConfig) if not name.startswith("_"))


@dataclass(frozen=True)
class MethodEntry:
    """A registered method.

    Attributes:
        name: its name in runs and commands.
        method: its class.
        presets: its presets by name.
    """

    name: str
    method: type[Method]
    presets: Mapping[str, MethodConfig]

    def __repr__(self) -> str:
        return f"MethodEntry({self.name!r}, {self.method.__name__}, {len(self.presets)} presets)"


_ENTRIES: dict[str, MethodEntry] = {}


def register(name: str, method: type[Method], presets: Mapping[str, MethodConfig]) -> None:
    """Register a method under ``name``.

    Raises:
        ConfigError: the name is taken by another class; the method's ``config_type`` is not a :class:`MethodConfig`,
            does not define ``text_sets``, or has a field that hides a method of :class:`MethodConfig`; or a preset has
            the wrong type.
    """
    if name in _ENTRIES and (other := _ENTRIES[name].method) is not method:
        raise ConfigError(
            f"the method name {name!r} is already taken by {_with_file(other)}, so {_with_file(method)} can't have it",
            remedy="Register it under another name.",
        )
    _check_config_type(method)
    for preset_name, config in presets.items():
        if type(config) is not method.config_type:
            raise ConfigError(
                f"the preset {preset_name!r} of {name!r} must be of type {method.config_type.__name__}, "
                f"got {type(config).__name__}",
                where=_with_file(method),
            )
    _ENTRIES[name] = MethodEntry(name, method, dict(presets))


def method_names() -> tuple[str, ...]:
    """Names of all registered methods, in alphabetical order."""
    return tuple(sorted(_entries()))


def method_entry(name: str) -> MethodEntry:
    """The method called ``name``.

    Raises:
        ConfigError: there is no such method; the message suggests the nearest name.
    """
    known = _entries()
    if name not in known:
        advice = nearest_name(name, known)
        if not advice.startswith("Did you mean"):
            advice += f" A method of your own is known to commands if {OWN_METHODS} names its file."
        raise ConfigError(f"unknown method {name!r}", remedy=advice)
    return known[name]


def preset(name: str, preset_name: str) -> MethodConfig:
    """A preset of a method.

    Raises:
        ConfigError: there is no such method or preset.
    """
    presets = method_entry(name).presets
    if preset_name not in presets:
        raise ConfigError(f"method {name!r} has no preset {preset_name!r}", remedy=nearest_name(preset_name, presets))
    return presets[preset_name]


def customary_preset(name: str) -> str:
    """The preset of a method where none is named: ``cpu`` if it has one, else its first.

    Raises:
        ConfigError: there is no such method.
    """
    presets = method_entry(name).presets
    return "cpu" if "cpu" in presets else next(iter(presets))


def _entries() -> dict[str, MethodEntry]:
    """All registered methods, after importing every file that may register one."""
    for package in (methods, peers):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for place in filter(None, os.environ.get(OWN_METHODS, "").split(os.pathsep)):
        _import_file(Path(place).absolute())
    return _ENTRIES


@cache
def _import_file(path: Path) -> None:
    """Import a file that registers methods, once in a process.

    Raises:
        ConfigError: there is no such Python file.
    """
    if not (path.suffix == ".py" and path.is_file()):
        raise ConfigError(f"{OWN_METHODS} must name Python files, and this is none", where=path)
    spec = spec_from_file_location(f"zsar_own_methods_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)


def _check_config_type(method: type[Method]) -> None:
    config_type = getattr(method, "config_type", None)
    if not (isinstance(config_type, type) and issubclass(config_type, MethodConfig)):
        raise ConfigError(
            f"config_type must be a subclass of MethodConfig, got {config_type!r}",
            where=_with_file(method),
            remedy="Write: config_type = YourConfig, and derive YourConfig from MethodConfig.",
        )
    if config_type.text_sets is MethodConfig.text_sets:
        raise ConfigError(
            f"{config_type.__name__} does not define text_sets(), the text sets that the method needs",
            where=_with_file(method),
            remedy='Write, for example: def text_sets(self): return ("motion",).',
        )
    if hidden := sorted(_QUESTIONS & {f.name for f in dataclasses.fields(config_type)}):
        raise ConfigError(
            f"the field {hidden[0]!r} of {config_type.__name__} hides the method of MethodConfig with the same name",
            where=_with_file(method),
            remedy="Rename the field.",
        )


def _with_file(method: type[Method]) -> str:
    """The name of a class with its file, or with its module if it has no file."""
    try:
        return f"{method.__name__} ({inspect.getfile(method)})"
    except (OSError, TypeError):  # defined in a notebook or at a prompt
        return f"{method.__name__} ({method.__module__})"
