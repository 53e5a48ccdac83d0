"""Configurations: what is mistyped is refused by name, what is written is read, and a digest sees every field."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, dataclass, field, fields
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zsar_kit.config import LATER, Config, digest_of, formerly, later
from zsar_kit.errors import ConfigError, ZsarError, ids_told, nearest_name


@dataclass(frozen=True)
class Inner(Config):
    rate: float = 0.1
    steps: int = 3

    def validate(self) -> None:
        self.require(self.rate > 0, "rate", "positive")


@dataclass(frozen=True)
class Outer(Config):
    name: str
    inner: Inner = field(default_factory=Inner)
    sizes: tuple[int, ...] = (1, 2)
    pair: tuple[float, str] = (0.5, "a")
    mode: Literal["fast", "slow", 3] = "fast"
    limit: float | None = None
    either: int | str = 1
    flag: bool = False


#: for every field another value that it accepts
OTHER = {
    "name": "y",
    "inner": Inner(rate=0.2),
    "sizes": (1, 2, 3),
    "pair": (0.5, "b"),
    "mode": "slow",
    "limit": 0.0,
    "either": "1",
    "flag": True,
}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"inner": {"rate": "1e-4"}}, r"'rate' must be float, got '1e-4' \(str\) \(in Inner\)"),
        ({"inner": {"rate": True}}, r"'rate' must be float, got True \(bool\)"),
        ({"inner": {"rate": None}}, r"'rate' must be float, got None"),
        ({"inner": {"steps": True}}, r"'steps' must be int, got True \(bool\)"),
        ({"inner": {"steps": 3.0}}, r"'steps' must be int, got 3.0 \(float\)"),
        ({"inner": 3}, r"'inner' must be Inner, got 3 \(int\)"),
        ({"flag": 1}, r"'flag' must be bool, got 1 \(int\)"),
        ({"flag": "false"}, r"'flag' must be bool, got 'false'"),
        ({"name": 5}, r"'name' must be str, got 5"),
        ({"sizes": [1, 2.5]}, r"'sizes' must be tuple\[int, ...\], got \(1, 2.5\)"),
        ({"sizes": 1}, r"'sizes' must be tuple\[int, ...\], got 1"),
        ({"sizes": "12"}, r"'sizes' must be tuple"),
        ({"pair": [0.5]}, r"'pair' must be tuple\[float, str\], got \(0.5,\)"),
        ({"mode": "fats"}, r"'mode' must be one of 'fast', 'slow', 3, got 'fats'"),
        ({"mode": 3.0}, r"'mode' must be one of 'fast', 'slow', 3, got 3.0"),
        ({"limit": "none"}, r"'limit' must be float \| None, got 'none'"),
        ({"either": 1.5}, r"'either' must be int \| str, got 1.5"),
    ],
)
def test_wrong_type_is_refused_with_what_was_required_and_what_came(values, message):
    with pytest.raises(ConfigError, match=message):
        Outer.from_dict({"name": "x", **values})


def test_types_are_checked_on_direct_construction_too():
    with pytest.raises(ConfigError, match="'steps' must be int"):
        Inner(steps="3")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nmae": "x"}, r"unknown key 'nmae' \(in Outer\)\. Did you mean 'name'\?"),
        ({"name": "x", "inner": {"ratte": 1.0}}, r"unknown key 'ratte' \(in Inner\)\. Did you mean 'rate'\?"),
        ({"name": "x", "zzz": 1}, r"unknown key 'zzz' .*Known: name, inner, sizes, pair"),
        ({}, r"missing key 'name' \(in Outer\)"),
        ({"name": "x", "inner": {"rate": 0}}, r"'rate' must be positive, got 0.0 \(in Inner\)"),
    ],
)
def test_keys_and_ranges(values, message):
    with pytest.raises(ConfigError, match=message):
        Outer.from_dict(values)


def test_lossless_conversions_only():
    config = Outer.from_dict({"name": "x", "sizes": [4, 5], "pair": [1, "b"], "limit": 2, "inner": {"rate": 1}})
    assert config.sizes == (4, 5)
    assert config.pair == (1.0, "b")
    assert [type(v) for v in (config.pair[0], config.limit, config.inner.rate)] == [float] * 3
    assert Outer("x", either=2).either == 2
    assert type(Outer("x", either=2).either) is int


def test_it_is_shown_as_the_call_that_builds_it():
    for config in (Outer("x"), Outer("x", Inner(steps=4), limit=2.0), Holder()):
        assert eval(repr(config)) == config
    assert repr(Outer("x", Inner(steps=4))) == "Outer(name='x', inner=Inner(steps=4))"
    assert repr(Inner()) == "Inner()"


def test_frozen_and_hashable():
    config = Outer("x")
    with pytest.raises(FrozenInstanceError):
        config.name = "y"  # type: ignore[misc]
    assert {config: 1}[Outer("x")] == 1


@settings(max_examples=40, deadline=None)
@given(
    name=st.text(),
    rate=st.floats(min_value=1e-300, allow_nan=False, allow_infinity=False),
    sizes=st.lists(st.integers(), max_size=4),
    limit=st.none() | st.floats(allow_nan=False),
    either=st.integers() | st.text(),
)
def test_round_trip_through_json(name, rate, sizes, limit, either):
    config = Outer(name, Inner(rate), tuple(sizes), limit=limit, either=either)
    again = Outer.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert again.digest() == config.digest()


def test_override_reaches_nested_fields_and_leaves_the_original():
    config = Outer("x")
    changed = config.override({"inner.rate": 2, "sizes": [7], "limit": 1.5})
    assert (changed.inner, changed.sizes, changed.limit) == (Inner(rate=2.0), (7,), 1.5)
    assert config == Outer("x")
    assert config.override({}) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inner.rat": 1.0}, r"unknown key 'inner.rat' \(in Outer\)\. Did you mean 'inner.rate'\?"),
        ({"iner.rate": 1.0}, r"unknown key 'iner.rate' .*Did you mean 'inner'\?"),
        ({"name.rate": 1.0}, "unknown key 'name.rate'"),
        ({"inner.rate": "1"}, "'rate' must be float, got '1'"),
        ({"inner.rate": -1.0}, "'rate' must be positive"),
    ],
)
def test_override_is_as_strict(changes, message):
    with pytest.raises(ConfigError, match=message):
        Outer("x").override(changes)


def test_digest_sees_every_field():
    assert set(OTHER) == {f.name for f in fields(Outer)}
    base = Outer("x")
    digests = {base.digest(), *(Outer(**{"name": "x", key: value}).digest() for key, value in OTHER.items())}
    assert len(digests) == len(OTHER) + 1
    assert all(len(d) == 12 and int(d, 16) >= 0 for d in digests)


def test_a_field_that_came_later_leaves_old_digests_alone():
    @dataclass(frozen=True)
    class Grown(Config):
        name: str = "x"
        inner: Inner = field(default_factory=Inner)
        stream: str = field(default="joint", metadata=LATER)

    @dataclass(frozen=True)
    class Before(Config):
        name: str = "x"
        inner: Inner = field(default_factory=Inner)

    assert Grown().digest() == Before().digest()
    assert Grown(stream="bone").digest() != Before().digest()
    assert Grown.from_dict(Before().to_dict()) == Grown()
    assert Grown().to_dict()["stream"] == "joint"


@dataclass(frozen=True)
class Improved(Config):
    name: str = "x"
    edition: str = field(default="second", metadata=later("first"))


@dataclass(frozen=True)
class Keeper(Config):
    inner: Improved = field(default_factory=Improved)


def test_a_later_field_whose_default_changes_results_is_not_confused_with_what_was():
    before = digest_of({"name": "x"})
    assert Improved(edition="first").digest() == before  # what was stored is still found
    assert Improved().digest() == digest_of({"name": "x", "edition": "second"}) != before
    assert Improved.from_dict({"name": "x"}).edition == "second"
    assert Improved.from_record({"name": "x"}).edition == "first"
    assert Improved.from_record({"name": "x", "edition": "second"}) == Improved()
    assert Improved.from_record(Improved("y").to_dict()) == Improved("y")
    assert Keeper.from_record({"inner": {"name": "x"}}).inner.edition == "first"
    assert Keeper(Improved(edition="first")).digest() == digest_of({"inner": {"name": "x"}})
    assert Improved.from_dict({}).edition == "second"  # reading a record leaves no trace


@dataclass(frozen=True)
class Renamed(Config):
    name: str = "x"
    speed: float = field(default=0.1, metadata=formerly("rate"))
    outlet: str = field(default="", metadata=LATER | formerly("exit"))


@dataclass(frozen=True)
class Holder(Config):
    inner: Renamed = field(default_factory=Renamed)
    free: dict = field(default_factory=lambda: {"rate": 1})


def test_a_renamed_field_is_read_by_both_names_and_written_by_the_new_one():
    assert Renamed.from_dict({"rate": 2}) == Renamed.from_dict({"speed": 2}) == Renamed(speed=2.0)
    assert Renamed(speed=2.0).to_dict() == {"name": "x", "speed": 2.0, "outlet": ""}
    assert Holder.from_dict({"inner": {"rate": 2}}) == Holder(Renamed(speed=2.0))
    with pytest.raises(ConfigError, match=r"'speed' is given twice.*Keep 'speed' only"):
        Renamed.from_dict({"speed": 2.0, "rate": 3.0})
    with pytest.raises(ConfigError, match="'speed' must be float"):
        Renamed.from_dict({"rate": "fast"})


def test_overrides_take_the_former_name_of_a_field_where_the_field_is():
    for name in ("inner.rate", "inner.speed"):
        assert Holder().override({name: 2}) == Holder(Renamed(speed=2.0))
    assert Holder().override({"free.rate": 2}).free == {"rate": 2}  # a plain dictionary has no fields
    with pytest.raises(ConfigError, match="unknown key 'rate'"):
        Holder().override({"rate": 2})


def test_the_digest_of_a_renamed_field_is_that_of_its_former_name():
    assert Renamed().digest() == digest_of({"name": "x", "rate": 0.1})
    assert Renamed(outlet="left").digest() == digest_of({"name": "x", "rate": 0.1, "exit": "left"})
    inner = {"name": "x", "rate": 3.0}
    assert Holder(Renamed(speed=3.0)).digest() == digest_of({"inner": inner, "free": {"rate": 1}})


def test_digest_does_not_depend_on_key_order_or_on_spelling():
    assert digest_of({"a": 1, "b": {"c": 2, "d": 3}}) == digest_of({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest_of([1, 2]) != digest_of([2, 1])
    assert Outer.from_dict({"sizes": [1, 2], "name": "x"}).digest() == Outer("x", sizes=(1, 2)).digest()
    assert Inner(rate=1).digest() == Inner(rate=1.0).digest()
    # Stored artefacts are found by digest: it must not change with a version of the kit.
    assert digest_of({"a": [1, 2.5, None, "ä"]}) == "ab9637b9f951"


def test_errors_name_place_and_remedy():
    error = ZsarError("got 3", where="file.toml", remedy="Write 2.")
    assert str(error) == "got 3 (in file.toml). Write 2."
    assert str(ZsarError("got 3")) == "got 3."
    assert nearest_name("falt", ["flat", "deep"]) == "Did you mean 'flat'?"
    assert nearest_name("xyz", ["flat", "deep"]) == "Known: flat, deep."
    assert nearest_name("lin", ["flora", "linear_cosine", "ridge"]) == "Did you mean 'linear_cosine'?"
    assert nearest_name("linear", ["flora", "linear_cosine", "ridge"]) == "Did you mean 'linear_cosine'?"
    assert nearest_name("RIDGE", ["flora", "ridge"]) == "Did you mean 'ridge'?"
    assert nearest_name("f", ["flat", "flora"]) == "Known: flat, flora."
    assert nearest_name("f", []) == "There is none."
    many = [f"class {i}" for i in range(100)]
    assert (
        nearest_name("xyz", many)
        == "Of 100 names the nearest are 'class 0', 'class 1', 'class 2', 'class 3', 'class 4'."
    )
    assert nearest_name("pass the cup", many).startswith("Of 100 names the nearest are 'class ")
    assert len(nearest_name("xyz", [letter * 90 for letter in "abcdefghijklmnopqr"])) < 600


@pytest.mark.parametrize(
    ("where", "told"),
    [(None, "got 3. Write 2."), ("a.npy", "got 3. Write 2."), ("a.npy, line 2", "got 3 (in line 2). Write 2.")],
)
def test_an_error_beside_the_name_of_its_file_does_not_repeat_it(where, told):
    assert ZsarError("got 3", where=where, remedy="Write 2.").told_beside("a.npy") == told


def test_ids_are_told_by_their_ends():
    assert ids_told(range(120)) == "There are the ids 0 to 119."
    assert ids_told((7, 3, 4)) == "There are the ids 3 to 7, 3 of them."
    assert ids_told(()) == "There is none."
