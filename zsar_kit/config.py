"""Configuration: frozen dataclasses with strict, typed reading and a content hash.

A configuration class derives from :class:`Config` and is decorated with ``@dataclass(frozen=True)``. Field types are
checked on construction (PyYAML and shells turn ``1e-4`` into a string: that must be an error, not a silent surprise),
unknown keys are refused with the nearest name, and the same object serves notebook, test and command line.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from zsar_kit.errors import ConfigError, nearest_name

# Not ``typing.Self``: the tests check annotations at run time, method by method, where Self has no meaning.
ConfigT = TypeVar("ConfigT", bound="Config")


Self = TypeVar("Self", bound="Config")  # not typing.Self, which run-time type checkers refuse outside of classes

#: metadata of a field that a configuration got after artefacts were made: ``field(default=..., metadata=LATER)``.
#: At its default it is the behaviour of before, so that the digest, and what is stored under it, stays.
LATER = types.MappingProxyType({"later": True})


def formerly(name: str) -> Mapping[str, Any]:
    """Metadata of a field that was renamed: ``field(default=..., metadata=formerly("gate"))``.

    Files and overrides may still say the former name, which no other field of the class may have. Digests are made
    with it, so that what is stored under them is found. To combine: ``LATER | formerly("gate")``.
    """
    return types.MappingProxyType({"formerly": name})


def _matches(value: Any, kind: Any) -> bool:
    """Whether ``value`` is of the annotated type ``kind``; supports what configurations use."""
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


def _type_name(kind: Any) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return "one of " + ", ".join(repr(a) for a in typing.get_args(kind))
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")


def _coerce(value: Any, kind: Any) -> Any:
    """Lossless conversions only: an int where a float stands, a list where a tuple stands, a dict for a Config."""
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


@dataclasses.dataclass(frozen=True)
class Config:
    """Base class of every configuration."""

    #: beartype and jaxtyping leave the generated ``__init__`` alone: the checks below are stricter and teach
    __no_type_check__ = True

    def __post_init__(self) -> None:
        hints: dict[str, Any] = {}
        for base in reversed(type(self).__mro__):
            hints |= inspect.get_annotations(base, eval_str=True)
        for field in dataclasses.fields(self):
            value = _coerce(getattr(self, field.name), hints[field.name])
            if not _matches(value, hints[field.name]):
                raise ConfigError(
                    f"{field.name!r} must be {_type_name(hints[field.name])}, got {value!r} ({type(value).__name__})",
                    where=type(self).__name__,
                )
            object.__setattr__(self, field.name, value)
        self.validate()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):
            cls.__repr__ = Config.__repr__  # what a class has itself, the dataclass decorator leaves alone

    def __repr__(self) -> str:
        """The call that builds it: fields at their default value are left out."""
        changed = (f.name for f in dataclasses.fields(self) if getattr(self, f.name) != _default(f))
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in changed)})"

    def validate(self) -> None:
        """Check ranges; subclasses override and raise :class:`ConfigError` (see :meth:`require`)."""

    def require(self, condition: bool, name: str, rule: str) -> None:
        """Raise a :class:`ConfigError` for field ``name`` unless ``condition`` holds."""
        if not condition:
            raise ConfigError(f"{name!r} must be {rule}, got {getattr(self, name)!r}", where=type(self).__name__)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary; :meth:`from_dict` reads it back to an equal object."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
        """Read strictly.

        Raises:
            ConfigError: an unknown key (the nearest name is offered), a missing one, a wrong type, or a bad value.
        """
        names, former = [f.name for f in dataclasses.fields(cls)], _former_names(cls)
        current: dict[str, Any] = {}
        for key, value in values.items():
            name = former.get(key, key)
            if name not in names:
                raise ConfigError(f"unknown key {key!r}", where=cls.__name__, remedy=nearest_name(key, names))
            if name in current:
                problem = f"{name!r} is given twice: also by its former name"
                raise ConfigError(problem, where=cls.__name__, remedy=f"Keep {name!r} alone.")
            current[name] = value
        needed = [
            f.name
            for f in dataclasses.fields(cls)
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        ]
        if missing := [n for n in needed if n not in current]:
            raise ConfigError(f"missing key {missing[0]!r}", where=cls.__name__)
        return cls(**current)

    def override(self: ConfigT, changes: Mapping[str, Any]) -> ConfigT:
        """A copy with dotted fields replaced, e.g. ``{"flow.weight": 0.0}``; unknown names raise ConfigError."""
        values = self.to_dict()
        for dotted, value in changes.items():
            node: Any = values
            place: Any = self
            for part in dotted.split("."):
                name = _former_names(type(place)).get(part, part) if isinstance(place, Config) else part
                if not isinstance(node, dict) or name not in node:
                    known = node if isinstance(node, dict) else []
                    advice = nearest_name(part, known)
                    raise ConfigError(f"unknown key {dotted!r}", where=type(self).__name__, remedy=advice)
                parent, node = node, node[name]
                place = getattr(place, name, None)
            parent[name] = value
        return type(self).from_dict(values)

    def identity(self) -> dict[str, Any]:
        """What the digest is of: :meth:`to_dict` without fields that came :data:`LATER` and have their default value,
        and with renamed fields under the name that they had (:func:`formerly`).
        """
        content = self.to_dict()
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.metadata.get("later") and value == field.default:
                del content[field.name]
            elif isinstance(value, Config):
                content[field.name] = value.identity()
            if "formerly" in field.metadata and field.name in content:
                content[field.metadata["formerly"]] = content.pop(field.name)
        return content

    def digest(self) -> str:
        """Twelve hexadecimal digits that identify the content of this configuration."""
        return digest_of(self.identity())


def _default(field: dataclasses.Field) -> Any:
    """A field's default value; ``MISSING`` where it has none."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _former_names(kind: type[Config]) -> dict[str, str]:
    """Former name to today's name of the fields that were renamed."""
    return {f.metadata["formerly"]: f.name for f in dataclasses.fields(kind) if "formerly" in f.metadata}


def digest_of(content: Any) -> str:
    """Twelve hexadecimal digits of any JSON-ready content, independent of key order."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
