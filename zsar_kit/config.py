"""Configuration: frozen dataclasses with strict, typed reading and a content hash.

A configuration class derives from :class:`Config` and is decorated with ``@dataclass(frozen=True)``. Field types are
checked on construction (PyYAML and shells turn ``1e-4`` into a string, which must be an error), unknown keys are
refused with the nearest name, and notebooks, tests and the command line use the same object.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import types
import typing
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from zsar_kit.errors import ConfigError, nearest_name

# Not ``typing.Self``: the tests check annotations at run time, method by method, where Self has no meaning.
ConfigT = TypeVar("ConfigT", bound="Config")


Self = TypeVar("Self", bound="Config")  # not typing.Self, which run-time type checkers refuse outside of classes

#: metadata of a field added after artefacts had been stored: ``field(default=..., metadata=LATER)``. Its default must
#: keep the former behaviour; the digest then ignores it, and stored artefacts are still found.
LATER = types.MappingProxyType({"later": True})
#: False while a record is read, see :meth:`Config.from_record`: no validation, and fields of a later date are as before
_VALIDATE: ContextVar[bool] = ContextVar("validate", default=True)


def later(before: Any) -> Mapping[str, Any]:
    """Metadata of a field added later with a default that changes results: ``field(default=..., metadata=later(...))``.

    Args:
        before: the value that keeps the former behaviour. Records without the field are read with it, and the digest
            ignores it, so that stored artefacts are still found; the default is part of the digest.
    """
    return types.MappingProxyType({"later": True, "before": before})


def formerly(name: str) -> Mapping[str, Any]:
    """Metadata of a field that was renamed: ``field(default=..., metadata=formerly("gate"))``.

    Files and overrides may still use the former name, which no other field of the class may have. Digests use the
    former name, so that stored artefacts are still found. To combine: ``LATER | formerly("gate")``.
    """
    return types.MappingProxyType({"formerly": name})


def _matches(value: Any, kind: Any) -> bool:
    """Whether ``value`` has the annotated type ``kind``; supports the types that configurations use."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True
    if origin is typing.Literal:
        return any(type(value) is type(a) and value == a for a in args)
    if origin in (typing.Union, types.UnionType):
        return any(_matches(value, a) for a in args)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(args) == 2 and args[1] is Ellipsis:
            return all(_matches(v, args[0]) for v in value)
        return len(value) == len(args) and all(_matches(v, a) for v, a in zip(value, args, strict=True))
    if kind is float:
        return isinstance(value, float)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is None or kind is type(None):
        return value is None
    return isinstance(value, kind)


def require_once(values: Sequence[Any], name: str, *, where: str) -> None:
    """Raise a :class:`ConfigError` if something is listed twice: a repetition of a run is no further run.

    Args:
        values: what is listed.
        name: what the list is called.
        where: for the message.
    """
    for i, value in enumerate(values):
        if value in values[:i]:
            problem = f"{name!r} lists {value!r} twice, which would count twice"
            raise ConfigError(problem, where=where, remedy="List each once.")


def _type_name(kind: Any) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return "one of " + ", ".join(repr(a) for a in typing.get_args(kind))
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")


def _coerce(value: Any, kind: Any) -> Any:
    """Lossless conversions only: an int for a float, a list for a tuple, a dict for a Config."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if origin is tuple and isinstance(value, list | tuple):
        inner = args[:1] * len(value) if len(args) == 2 and args[1] is Ellipsis else args
        if len(inner) != len(value):
            return tuple(value)
        return tuple(_coerce(v, k) for v, k in zip(value, inner, strict=True))
    if isinstance(kind, type) and issubclass(kind, Config) and isinstance(value, Mapping):
        return kind.from_dict(value)
    if origin in (typing.Union, types.UnionType):
        for option in args:
            converted = _coerce(value, option)
            if _matches(converted, option):
                return converted
    return value


def typed(name: str, value: Any, kind: Any, *, where: str) -> Any:
    """The value as the annotated type ``kind``, after lossless conversion (a list to a tuple, an int to a float).

    Raises:
        ConfigError: the value has another type.
    """
    value = _coerce(value, kind)
    if not _matches(value, kind):
        problem = f"{name!r} must be {_type_name(kind)}, got {value!r} ({type(value).__name__})"
        raise ConfigError(problem, where=where)
    return value


def _is_default(field: dataclasses.Field, value: Any) -> bool:
    if field.default_factory is not dataclasses.MISSING:
        return value == field.default_factory()
    return field.default is not dataclasses.MISSING and value == field.default


@dataclasses.dataclass(frozen=True)
class Config:
    """Base class of every configuration."""

    #: keeps beartype and jaxtyping off the generated ``__init__``: the checks below are stricter and more helpful
    __no_type_check__ = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):  # otherwise @dataclass would generate one with every field
            cls.__repr__ = Config.__repr__

    def __repr__(self) -> str:
        """The call that builds it, without fields that have their default."""
        pairs = ((f, getattr(self, f.name)) for f in dataclasses.fields(self))
        shown = [f"{f.name}={value!r}" for f, value in pairs if not _is_default(f, value)]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __post_init__(self) -> None:
        hints = _hints(type(self))
        for field in dataclasses.fields(self):
            value = typed(field.name, getattr(self, field.name), hints[field.name], where=type(self).__name__)
            object.__setattr__(self, field.name, value)
        if _VALIDATE.get():
            self.validate()

    def validate(self) -> None:
        """Check ranges; subclasses override and raise :class:`ConfigError` (see :meth:`require`)."""

    def require(self, condition: bool, name: str, rule: str) -> None:
        """Raise a :class:`ConfigError` for field ``name`` unless ``condition`` holds."""
        if not condition:
            raise ConfigError(f"{name!r} must be {rule}, got {getattr(self, name)!r}", where=type(self).__name__)

    def require_once(self, name: str) -> None:
        """Raise a :class:`ConfigError` if field ``name`` lists something twice, which would count twice."""
        require_once(getattr(self, name), name, where=type(self).__name__)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary; :meth:`from_dict` reads it back to an equal object."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
        """Read strictly.

        Raises:
            ConfigError: a key is unknown (the message suggests the nearest name) or missing, or a value is of the wrong
                type or out of range.
        """
        names, former = [f.name for f in dataclasses.fields(cls)], _former_names(cls)
        current: dict[str, Any] = {}
        for key, value in values.items():
            name = former.get(key, key)
            if name not in names:
                raise ConfigError(f"unknown key {key!r}", where=cls.__name__, remedy=nearest_name(key, names))
            if name in current:
                problem = f"{name!r} is given twice, once under its former name"
                raise ConfigError(problem, where=cls.__name__, remedy=f"Keep {name!r} only.")
            current[name] = value
        if not _VALIDATE.get():  # a record of before the field was added
            before = {f.name: f.metadata["before"] for f in dataclasses.fields(cls) if "before" in f.metadata}
            current = {**before, **current}
        needed = [
            f.name
            for f in dataclasses.fields(cls)
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        ]
        if missing := [n for n in needed if n not in current]:
            raise ConfigError(f"missing key {missing[0]!r}", where=cls.__name__)
        return cls(**current)

    @classmethod
    def from_record(cls: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
        """Read a record that was validated when it was written.

        Keys and types are checked as in :meth:`from_dict`; a :func:`later` field that it lacks has the value of before,
        not its default. :meth:`validate` is not called, so a record can be read even
        if what it names is not available (a split file, a user-defined method).

        Raises:
            ConfigError: an unknown or missing key, or a wrong type.
        """
        token = _VALIDATE.set(False)
        try:
            return cls.from_dict(values)
        finally:
            _VALIDATE.reset(token)

    def override(self: ConfigT, changes: Mapping[str, Any]) -> ConfigT:
        """A copy with dotted fields replaced, e.g. ``{"flow.weight": 0.0}``; unknown names raise ConfigError."""
        values = self.to_dict()
        for dotted, value in changes.items():
            node: Any = values
            place: Any = self
            parts = dotted.split(".")
            for depth, part in enumerate(parts):
                name = _former_names(type(place)).get(part, part) if isinstance(place, Config) else part
                if not isinstance(node, dict) or name not in node:
                    within = "".join(f"{name}." for name in parts[:depth])
                    advice = nearest_name(part, node if isinstance(node, dict) else [])
                    advice = advice.replace("Did you mean '", f"Did you mean '{within}")
                    raise ConfigError(f"unknown key {dotted!r}", where=type(self).__name__, remedy=advice)
                parent, node = node, node[name]
                place = getattr(place, name, None)
            parent[name] = value
        return type(self).from_dict(values)

    def identity(self) -> dict[str, Any]:
        """The content of the digest.

        This is :meth:`to_dict` without :data:`LATER` fields that have their default, without :func:`later` fields that
        have the value of before, and with renamed fields under their former names (:func:`formerly`).
        """
        content = self.to_dict()
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.metadata.get("later") and value == field.metadata.get("before", field.default):
                del content[field.name]
            elif isinstance(value, Config):
                content[field.name] = value.identity()
            if "formerly" in field.metadata and field.name in content:
                content[field.metadata["formerly"]] = content.pop(field.name)
        return content

    def digest(self) -> str:
        """Twelve hexadecimal digits that identify the content of this configuration."""
        return digest_of(self.identity())


@functools.cache
def _hints(kind: type[Config]) -> dict[str, Any]:
    """The types of all fields, inherited ones too; evaluating annotations takes longer than the checks themselves."""
    hints: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        hints |= inspect.get_annotations(base, eval_str=True)
    return hints


def _former_names(kind: type[Config]) -> dict[str, str]:
    """Former name to current name of the renamed fields."""
    return {f.metadata["formerly"]: f.name for f in dataclasses.fields(kind) if "formerly" in f.metadata}


def digest_of(content: Any) -> str:
    """Twelve hexadecimal digits of any JSON-ready content, independent of key order."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
