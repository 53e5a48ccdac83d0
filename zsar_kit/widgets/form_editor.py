"""A form editor for notebooks: sliders of expected levels beside a stick figure that shows the level in hand."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import traitlets

from zsar_kit.errors import TextError, ZsarError, nearest_name
from zsar_kit.plotting.levels import plot_drawing
from zsar_kit.plotting.style import figure, figure_of
from zsar_kit.primitives.attributes import LEVELS, TOPICS, Attribute, attribute, attribute_names, attributes
from zsar_kit.primitives.drawings import drawable, drawing
from zsar_kit.primitives.form_writer import (
    checked_name,
    class_of,
    find_class,
    is_neutral,
    with_class,
    with_levels,
    write_form,
    written,
)
from zsar_kit.primitives.forms import Form, form_datasets, levels_from, load_form, read_form
from zsar_kit.primitives.near_names import stems
from zsar_kit.primitives.spoken import amount, meaning
from zsar_kit.reprs import one_line, shortened

UNKNOWN = "?"
#: name of a class to classes of the kit that are like it, as ``dataset:id``, the nearest first
Finder = Callable[[str], list[str]]


def nearest_by_name(name: str, most: int = 5) -> list[str]:
    """Classes of the kit whose names share the most telling words with a name, as ``dataset:id``.

    Words are compared without their endings, so that *wave* is *waving*. With ``w(s) = log(n / n_s)``, where
    ``n_s`` of ``n`` names have the stem ``s``, the likeness is ``w(common) / w(either)``; the first word of the name,
    its verb as a rule, counts twice. Ties go to the likeness of letters (Ratcliff and Obershelp).
    """
    known: dict[str, str] = {}
    for dataset in form_datasets():
        form = load_form(dataset)
        for class_id, other in zip(form.class_ids, form.class_names, strict=True):
            known.setdefault(other.casefold(), f"{dataset}:{class_id}")
    words = {other: stems(other) for other in known}
    counts = Counter(stem for found in words.values() for stem in found)
    weight = {stem: math.log(len(known) / count) for stem, count in counts.items()}
    wanted, new = stems(name), math.log(len(known))
    for verb in stems(" ".join(name.split()[:1])) & set(weight):
        weight[verb] *= 2.0

    def likeness(other: str) -> tuple[float, float]:
        common, either = wanted & words[other], wanted | words[other]
        shared = sum(weight[s] for s in common) / max(sum(weight.get(s, new) for s in either), 1e-9)
        return shared, SequenceMatcher(None, name.casefold(), other).ratio()

    return [known[other] for other in sorted(known, key=likeness, reverse=True)[:most]]


class FormEditor(ipywidgets.VBox):
    """Expected levels of one action, filled by hand: in a minute, from the nearest action that has a form.

    Its state is in its traits: setting a trait has the effect of choosing with the mouse, also without a front end. A
    trait refuses what cannot be; what is typed into the widget is answered by a message in it. Names are shown as
    text, never as markup.

    Args:
        path: the form, a ``.toml`` file, which :meth:`save` writes; it need not exist.
        name: of the class; one that the form has is opened, a new one starts from the nearest class of the kit.
        nearest: finds classes like a name; by default :func:`nearest_by_name`. With the offline language model,
            :func:`~zsar_kit.experiments.pipeline.nearest_forms.nearest_by_text` finds them by meaning.

    Attributes:
        name: of the class; setting it opens the class, or begins a new one.
        levels: attribute to level from 0 to 1, None where unknown, of all attributes.
        like: the class of the kit that it began with, as ``dataset:id``; setting it takes that class's levels.
        topic: the topic whose sliders are shown.
        attribute: the attribute that is drawn.
        message: what the editor said last; empty after what went well.

    Raises:
        TextError: the file is broken, or a trait is set to something that does not exist.
    """

    name = traitlets.Unicode()
    levels = traitlets.Dict()
    like = traitlets.Unicode()
    topic = traitlets.Unicode(TOPICS[0])
    attribute = traitlets.Unicode(attribute_names()[0])
    message = traitlets.Unicode()

    def __init__(self, path: str | Path, name: str = "", *, nearest: Finder = nearest_by_name) -> None:
        super().__init__()
        self.path, self._nearest, self._quiet = Path(path), nearest, False
        self._form: Form | None = read_form(self.path) if self.path.exists() else None
        self.levels = _as_dict(levels_from({}))
        self._build()
        for trait in ("name", "levels", "like", "topic", "attribute", "message"):
            self.observe(self._changed, trait)
        self._show_sliders()
        self._draw()
        if name:
            self.name = name

    def __repr__(self) -> str:
        known = sum(level is not None for level in self.levels.values())
        return f"FormEditor({shortened(self.name, 40)!r}, {known} of {len(self.levels)} levels known)"

    # ---------------------------------------------------------------- what can be done
    def _go_to(self, name: str) -> None:
        """Show the class of the form, or a new one with the levels of the nearest class of the kit."""
        starts = self._starts(name)
        with self._filling():
            self._choices["like"].options = starts
        known = [] if self._form is None else [other.casefold() for other in self._form.class_names]
        if self._form is not None and name.casefold() in known:
            self._take(self._form.of(find_class(self._form, name)))
            with self._filling():
                self.like = ""
            self.message = f"{name!r} is in {self.path.name}."
        elif len(starts) > 1:
            self._start_from(starts[1][1])

    def _start_from(self, source: str) -> None:
        """Take the levels of a class of the kit, or of somebody who stands still."""
        told, row = class_of(source) if source else ("somebody who stands still", levels_from({}))
        with self._filling():
            self.like = source
        self._take(row)
        self.message = f"Started from {told!r}" + (f" ({source})." if source else ".")

    def save(self) -> Path:
        """Write the class into the form, whole or not at all, and give its path.

        Raises:
            TextError: the class has no name, or the path is no ``.toml`` file.
        """
        name, row = checked_name(self.name), _as_row(self.levels)
        form = read_form(self.path) if self.path.exists() else None
        if form is not None and name.casefold() in [other.casefold() for other in form.class_names]:
            named = dict(zip(attribute_names(), row.tolist(), strict=True))
            form = with_levels(form, find_class(form, name), named)
        else:
            form = with_class(form, name, row, self.path.stem)
        write_form(form, self.path)
        self._form, self.message = form, f"{name!r} is saved in {self.path.name}."
        return self.path

    def set_level(self, name: str, level: float | int | None) -> None:
        """Set one level; None is unknown.

        Raises:
            TextError: there is no such attribute, or the level is out of range.
        """
        self.levels = {**self.levels, name: level}
        self.attribute = name

    # ---------------------------------------------------------------- traits
    @traitlets.validate("name")
    def _checked_name(self, proposal: Any) -> str:
        return checked_name(proposal["value"]) if proposal["value"] else ""

    @traitlets.validate("levels")
    def _checked_levels(self, proposal: Any) -> dict[str, float | None]:
        levels = dict(proposal["value"])
        for name, level in levels.items():
            if name not in attribute_names():
                raise TextError(f"unknown attribute {name!r}", remedy=nearest_name(str(name), attribute_names()))
            good = level is None or (isinstance(level, int | float) and not isinstance(level, bool) and 0 <= level <= 1)
            if not good:
                raise TextError(f"a level is a number from 0 to 1, or None, got {level!r}", where=name)
        return {**_as_dict(levels_from({})), **levels}

    @traitlets.validate("topic")
    def _known_topic(self, proposal: Any) -> str:
        if (topic := proposal["value"]) not in TOPICS:
            raise TextError(f"there is no topic {topic!r}", where="topic", remedy=nearest_name(topic, TOPICS))
        return topic

    @traitlets.validate("attribute")
    def _known_attribute(self, proposal: Any) -> str:
        if (name := proposal["value"]) not in attribute_names():
            raise TextError(f"unknown attribute {name!r}", remedy=nearest_name(name, attribute_names()))
        return name

    @traitlets.validate("like")
    def _known_start(self, proposal: Any) -> str:
        if proposal["value"]:
            class_of(proposal["value"])
        return proposal["value"]

    def _changed(self, change: Any) -> None:
        """React to a trait that was set."""
        if self._quiet:
            return
        if change["name"] == "name":
            self._go_to(self.name)
        if change["name"] == "like":
            self._start_from(self.like)
        if change["name"] == "attribute" and attribute(self.attribute).topic != self.topic:
            self.topic = attribute(self.attribute).topic
        if change["name"] == "topic":
            self._show_sliders()
        if change["name"] in ("levels", "attribute"):
            self._draw()
        with self._filling():
            self._update()

    # ---------------------------------------------------------------- controls
    def _build(self) -> None:
        wide = ipywidgets.Layout(width="440px")
        self._choices = {
            "name": ipywidgets.Text(description="action", placeholder="its name, then Enter", layout=wide),
            "like": ipywidgets.Dropdown(options=self._starts(""), description="start from", layout=wide),
            "topic": ipywidgets.Dropdown(options=TOPICS, description="topic", layout=wide),
        }
        self._choices["name"].continuous_update = False
        self._save = ipywidgets.Button(description="save", icon="save", tooltip="write the class into the form")
        self._note = ipywidgets.Label(layout=ipywidgets.Layout(width="640px"))
        self._sliders: dict[str, ipywidgets.SelectionSlider] = {}
        fixed = {"flex": "0 0 auto"}
        self._rows = ipywidgets.VBox(
            layout=ipywidgets.Layout(max_height="640px", overflow="auto", width="610px", **fixed)
        )
        self._picture = ipywidgets.Image(format="png", width=300)
        self._meaning = ipywidgets.Textarea(disabled=True, rows=11, layout=ipywidgets.Layout(width="330px"))
        for name in ("name", "like", "topic"):
            self._choices[name].observe(lambda change, name=name: self._chosen(name, change["new"]), "value")
        self._save.on_click(lambda _: self._attempt(self.save))
        head = ipywidgets.HBox([self._choices["name"], self._save])
        beside = ipywidgets.VBox([self._picture, self._meaning], layout=ipywidgets.Layout(**fixed))
        panes = ipywidgets.HBox([self._rows, beside])
        self.children = (head, self._choices["like"], self._choices["topic"], self._note, panes)

    def _starts(self, name: str) -> list[tuple[str, str]]:
        """Entries of the menu of classes to start from."""
        found = [("somebody who stands still", "")]
        if name:
            found += [(one_line(f"{class_of(s)[0]} ({s})"), s) for s in self._nearest(name)]
        return found

    def _show_sliders(self) -> None:
        """One slider an attribute of the topic, with what it measures above it."""
        self._sliders = {}
        rows = []
        for a in attributes():
            if a.topic == self.topic:
                slider = ipywidgets.SelectionSlider(
                    options=_options(self.levels[a.name]),
                    value=UNKNOWN if self.levels[a.name] is None else self.levels[a.name],
                    description=a.name,
                    style={"description_width": "190px"},
                    layout=ipywidgets.Layout(width="570px", flex="0 0 auto"),
                    continuous_update=False,
                )
                slider.observe(lambda change, name=a.name: self._slid(name, change["new"]), "value")
                self._sliders[a.name] = slider
                rows.append(slider)
        self._rows.children = tuple(rows)

    def _update(self) -> None:
        """Bring all controls to what the traits say."""
        self._choices["name"].value, self._choices["topic"].value = self.name, self.topic
        if self.like in [value for _, value in self._choices["like"].options]:
            self._choices["like"].value = self.like
        self._note.value = one_line(self.message)
        for name, slider in self._sliders.items():
            level = self.levels[name]
            options = _options(level)
            if [v for _, v in slider.options] != [v for _, v in options]:
                slider.options = options
            slider.value = UNKNOWN if level is None else level

    @contextmanager
    def _filling(self) -> Iterator[None]:
        """Ignore changes while controls are brought to the traits."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _chosen(self, name: str, value: Any) -> None:
        """React to a choice with the mouse or the keyboard."""
        if not self._quiet:
            self._attempt(lambda: setattr(self, name, value))

    def _slid(self, name: str, value: Any) -> None:
        if not self._quiet:
            self._attempt(lambda: self.set_level(name, None if value == UNKNOWN else float(value)))

    def _attempt(self, action: Callable[[], object]) -> None:
        """Do what was asked for by hand; what is wrong with it is said in the widget."""
        try:
            action()
        except (ZsarError, OSError) as error:
            self.message = str(error)
            with self._filling():
                self._update()

    def _take(self, row: np.ndarray) -> None:
        self.levels = _as_dict(row)

    def _draw(self) -> None:
        """The stick figure at the level in hand, and the meaning of the levels."""
        a, level = attribute(self.attribute), self.levels[self.attribute]
        self._picture.value = _picture(a.name, level)
        told = [
            f"{a.name}: {_told(a, level)}",
            a.about,
            f"0: {a.zero}",
            f"0.5: {a.half}",
            f"1: {a.one}",
        ]
        self._meaning.value = "\n".join(one_line(text) for text in told)


def _told(a: Attribute, level: float | None) -> str:
    number = float("nan") if level is None else level
    words = UNKNOWN if level is None else f"{level:g}, {amount(a, a.value(level))}, {meaning(a, level)}"
    rest = "" if a.name in drawable() else " (no picture: a time, a speed or a share of time)"
    return words + (", neutral" if is_neutral(a, number) else "") + rest


def _options(level: float | None) -> list[tuple[str, float | str]]:
    """Steps of a slider: the levels of a form, a level between two of them where it stands on one, and unknown."""
    levels: list[float] = sorted(LEVELS if level is None else {*LEVELS, level})
    return [*((written(value), value) for value in levels), (UNKNOWN, UNKNOWN)]


def _picture(name: str, level: float | None) -> bytes:
    fig = figure(3.0, 3.4)
    fig.set_dpi(100)
    axes = plot_drawing(drawing(name, float("nan") if level is None else float(level)), fig.add_subplot())
    buffer = io.BytesIO()
    figure_of(axes).savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _as_dict(row: np.ndarray) -> dict[str, float | None]:
    """Levels by attribute, with the shortest number that is the same in float32; None where unknown."""
    pairs = zip(attribute_names(), row.tolist(), strict=True)
    return {name: None if np.isnan(level) else float(written(level)) for name, level in pairs}


def _as_row(levels: Mapping[str, float | None]) -> np.ndarray:
    return np.array([np.nan if levels[n] is None else levels[n] for n in attribute_names()], dtype=np.float32)
