"""A skeleton browser for notebooks: choose a data set, a class and a sample, and see it move."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import traitlets

from zsar_kit.data.display import LAYERS, DisplaySample, class_id, find_sample, sample_for_display, vertical_axis
from zsar_kit.data.doctor import examine_clip
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.errors import DataError, ZsarError, nearest_name
from zsar_kit.reprs import one_line, shortened
from zsar_kit.widgets.body import Body
from zsar_kit.widgets.kept import read_view
from zsar_kit.widgets.page import bundle
from zsar_kit.widgets.stage import Stage

Marks = Callable[[SkeletonSet, int], Sequence[tuple[int, str]]]
WIDE = "min(520px, 98%)"


def doctor_marks(skeletons: SkeletonSet, row: int) -> tuple[tuple[int, str], ...]:
    """What the data doctor finds in a sample, at the first frame of each finding that names frames."""
    clip = skeletons.sequence(row)
    found = examine_clip(np.asarray(clip.joints), skeletons.layout, sample=clip.sample)
    return tuple((min(one.frames), one.problem) for one in found if one.frames and one.severity != "note")


def stage_of(view: DisplaySample, rate: float | int = 30.0) -> Stage:
    """A sample on a stage of its own."""
    return Stage(view.joints, view.layout, up=view.up, title=view.title, rate=rate)


class SkeletonBrowser(ipywidgets.VBox):
    """Samples of prepared data sets on a stage.

    Its state is in its traits: setting a trait has the effect of choosing with the mouse, and works without a front
    end. Each choice updates the menus below it and selects their first items. A sample that can't be shown, such as one
    without a body, is answered with words on the stage.

    Args:
        sets: name to data set, each with at least one sample; a user's own sets too.
        sample: name of the first sample shown; by default that of the data set.
        dataset: name of the first data set shown; by default the first of ``sets``.
        rate: frames per second during playback.
        marks: for a data set and the position of a sample the frames worth a look, with words; they are marked on the
            time line of the raw layer. By default what the data doctor finds; None for no marks.
        view: a view that was saved in the browser (a file, or its content), which is shown first.

    Attributes:
        dataset: name of the data set.
        action: id of the class, which must have samples.
        sample: name of the sample, which must be of that class.
        layer: one of :data:`~zsar_kit.data.display.LAYERS`.
        frame: position of the frame.

    Raises:
        DataError: there is no data set, or a trait is set to something that does not exist.
    """

    dataset = traitlets.Unicode()
    action = traitlets.Int()
    sample = traitlets.Unicode()
    layer = traitlets.Unicode(LAYERS[0])
    frame = traitlets.Int()

    def __init__(
        self,
        sets: Mapping[str, SkeletonSet],
        *,
        sample: str = "",
        dataset: str = "",
        rate: float | int = 30.0,
        marks: Marks | None = doctor_marks,
        view: str | Path | Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not sets or not all(map(len, sets.values())):
            raise DataError("a browser needs data sets with samples", where="sets")
        self._sets, self._quiet, self._marks = dict(sets), False, marks
        self._axes: dict[str, Any] = {}
        self.stage = Stage(rate=rate)
        kept = read_view(view) if view is not None else None
        self._choices = {
            "dataset": ipywidgets.Dropdown(options=list(sets), description="data set", layout={"width": WIDE}),
            "action": ipywidgets.Dropdown(description="class", layout={"width": WIDE}),
            "sample": ipywidgets.Dropdown(description="sample", layout={"width": WIDE}),
            "layer": ipywidgets.ToggleButtons(options=LAYERS, description="layer"),
        }
        chosen = kept.chosen if kept else {}
        self.dataset = chosen.get("dataset") or dataset or next(iter(sets))
        sample = chosen.get("sample") or sample
        row = find_sample(self.skeletons, sample) if sample else 0
        self.action = int(self.skeletons.index.label[row])
        self.sample = str(self.skeletons.index.sample[row])
        self.layer = chosen.get("layer", LAYERS[0])
        self._load()
        if kept:
            kept.apply(self.stage)
            self.frame = self.stage.frame
        self.children = (*self._choices.values(), self.stage)
        for name in ("dataset", "action", "sample", "layer", "frame"):
            self.observe(self._changed, name)
        for name, choice in self._choices.items():
            choice.observe(lambda change, name=name: self._chosen(name, change["new"]), "value")
        self.stage.observe(lambda change: self._chosen("frame", change["new"]), "frame")

    def __repr__(self) -> str:
        sample = f"{shortened(self.dataset, 40)!r}, sample {shortened(self.sample, 40)!r}"
        return f"SkeletonBrowser({sample}, layer {self.layer!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return bundle(super()._repr_mimebundle_(**kwargs), repr(self), self.stage.picture, self.stage.html)

    @property
    def skeletons(self) -> SkeletonSet:
        """The chosen data set."""
        return self._sets[self.dataset]

    def show(self, sample: str) -> None:
        """Go to a sample of the chosen data set, whatever its class.

        Raises:
            DataError: there is no such sample.
        """
        row = find_sample(self.skeletons, sample)
        with self._filling():
            self.action = int(self.skeletons.index.label[row])
            self.sample = str(self.skeletons.index.sample[row])
        self._load()

    @traitlets.validate("dataset")
    def _known_set(self, proposal: Any) -> str:
        if (name := proposal["value"]) not in self._sets:
            raise DataError(f"there is no data set {name!r}", where="dataset", remedy=nearest_name(name, self._sets))
        return name

    @traitlets.validate("action")
    def _known_class(self, proposal: Any) -> int:
        chosen = class_id(self.skeletons, proposal["value"])
        find_sample(self.skeletons, action=chosen)
        return chosen

    @traitlets.validate("sample")
    def _known_sample(self, proposal: Any) -> str:
        name = str(proposal["value"])
        label = int(self.skeletons.index.label[find_sample(self.skeletons, name)])
        if label != self.action:
            problem = f"sample {name!r} is of class {label}, but class {self.action} is chosen"
            raise DataError(problem, where="sample", remedy=f"Use show({name!r}).")
        return name

    @traitlets.validate("layer")
    def _known_layer(self, proposal: Any) -> str:
        if (layer := proposal["value"]) not in LAYERS:
            raise DataError(f"there is no layer {layer!r}", where="layer", remedy=nearest_name(layer, LAYERS))
        return layer

    @traitlets.validate("frame")
    def _known_frame(self, proposal: Any) -> int:
        frames = max((body.frames for body in self.stage.bodies), default=1)
        if not 0 <= proposal["value"] < frames:
            raise DataError(f"frames are 0 to {frames - 1}, got {proposal['value']}", where="frame")
        return proposal["value"]

    def _actions(self) -> list[tuple[str, int]]:
        """Classes that have samples."""
        names = self.skeletons.class_names
        labels = np.unique(self.skeletons.index.label).tolist()
        return [(shortened(one_line(f"{c} {names[c]}"), 120), c) for c in labels]

    def _samples(self) -> list[str]:
        """Samples of the class."""
        return self.skeletons.index.sample[self.skeletons.index.label == self.action].tolist()

    @contextmanager
    def _filling(self) -> Iterator[None]:
        """Ignore changes while menus and traits are being synchronised."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def _chosen(self, name: str, value: Any) -> None:
        """React to a choice with the mouse."""
        if not self._quiet:
            setattr(self, name, value)

    def _changed(self, change: Any) -> None:
        """React to a trait that was set."""
        if self._quiet:
            return
        if change["name"] == "frame":
            with self._filling():
                self.stage.frame = self.frame
            return
        with self._filling():
            if change["name"] == "dataset":
                self.action = self._actions()[0][1]
            if change["name"] in ("dataset", "action"):
                self.sample = self._samples()[0]
        self._load()

    def _load(self) -> None:
        """Put the chosen sample on the stage at its first frame, and update all menus from the traits."""
        with self._filling():
            self._fill_menus()
            try:
                self.stage.show(self._body(), about=self._about())
            except ZsarError as error:
                self.stage.message = str(error)
            self.frame = self.stage.frame

    def _fill_menus(self) -> None:
        """Only what differs is set: options of a menu are a message to the browser each."""
        for name, options in (("action", self._actions()), ("sample", self._samples())):
            if tuple(self._choices[name].options) != tuple(options):
                self._choices[name].options = options
        for name, choice in self._choices.items():
            choice.value = getattr(self, name)

    def _body(self) -> Body:
        skeletons, row = self.skeletons, find_sample(self.skeletons, self.sample)
        if self.dataset not in self._axes:
            self._axes[self.dataset] = vertical_axis(skeletons)
        view = sample_for_display(skeletons, row, self.layer, up=self._axes[self.dataset])
        marks = self._marks(skeletons, row) if self._marks is not None and self.layer == "raw" else ()
        return Body(view.joints, view.layout, view.up, view.title, marks=marks)

    def _about(self) -> dict[str, Any]:
        return {"widget": "SkeletonBrowser", "dataset": self.dataset, "sample": self.sample, "layer": self.layer}
