"""A skeleton browser for notebooks: choose a data set, a class and a sample, and step through its frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from plotly.graph_objects import FigureWidget

from zsar_kit.data.display import LAYERS, DisplaySample, class_id, find_sample, sample_for_display
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.errors import DataError, nearest_name
from zsar_kit.plotting.skeleton_3d import pose_coordinates, pose_figure
from zsar_kit.reprs import one_line, shortened


class SkeletonBrowser(ipywidgets.VBox):
    """Samples of prepared data sets in three dimensions, one frame at a time.

    Its state is in its traits: setting a trait has the effect of choosing with the mouse, and works without a front
    end. Each choice updates the menus below it and selects their first items.

    Args:
        sets: name to data set, each with at least one sample.
        sample: name of the first sample shown; by default that of the data set.
        dataset: name of the first data set shown; by default the first of ``sets``.
        rate: frames per second during playback.

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
        self, sets: Mapping[str, SkeletonSet], *, sample: str = "", dataset: str = "", rate: float | int = 30.0
    ) -> None:
        super().__init__()
        if not sets or not all(map(len, sets.values())):
            raise DataError("a browser needs data sets with samples", where="sets")
        self._sets, self._quiet = dict(sets), False
        self._view: DisplaySample | None = None
        self._figure: FigureWidget | None = None
        wide = ipywidgets.Layout(width="520px")
        self._choices = {
            "dataset": ipywidgets.Dropdown(options=list(sets), description="data set", layout=wide),
            "action": ipywidgets.Dropdown(description="class", layout=wide),
            "sample": ipywidgets.Dropdown(description="sample", layout=wide),
            "layer": ipywidgets.ToggleButtons(options=LAYERS, description="layer"),
            "frame": ipywidgets.IntSlider(description="frame", max=0, layout=wide),
        }
        self._play = ipywidgets.Play(max=0, interval=max(1, round(1000 / rate)))
        ipywidgets.jslink((self._play, "value"), (self._choices["frame"], "value"))
        boxes = [self._choices[name] for name in ("dataset", "action", "sample", "layer")]
        self._controls = (*boxes, ipywidgets.HBox([self._play, self._choices["frame"]]))
        self.dataset = dataset or next(iter(sets))
        row = find_sample(self.skeletons, sample) if sample else 0
        self.action = int(self.skeletons.index.label[row])
        self.sample = str(self.skeletons.index.sample[row])
        self._load()
        for name, choice in self._choices.items():
            self.observe(self._changed, name)
            choice.observe(lambda change, name=name: self._chosen(name, change["new"]), "value")

    def __repr__(self) -> str:
        sample = f"{shortened(self.dataset, 40)!r}, sample {shortened(self.sample, 40)!r}"
        return f"SkeletonBrowser({sample}, layer {self.layer!r})"

    @property
    def skeletons(self) -> SkeletonSet:
        """The chosen data set."""
        return self._sets[self.dataset]

    @property
    def figure(self) -> FigureWidget:
        """The plotly figure of the chosen sample."""
        assert self._figure is not None, "the figure is made at construction"
        return self._figure

    def show(self, sample: str) -> None:
        """Go to a sample of the chosen data set, whatever its class.

        Raises:
            DataError: there is no such sample.
        """
        row = find_sample(self.skeletons, sample)
        self.action = int(self.skeletons.index.label[row])
        self.sample = sample

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
        frames = 1 if self._view is None else self._view.joints.shape[1]
        if not 0 <= proposal["value"] < frames:
            raise DataError(f"frames are 0 to {frames - 1}, got {proposal['value']}", where="frame")
        return proposal["value"]

    def _actions(self) -> list[tuple[str, int]]:
        """Classes that have samples."""
        names = self.skeletons.class_names
        return [(one_line(f"{c} {names[c]}"), c) for c in np.unique(self.skeletons.index.label).tolist()]

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
                self._choices["frame"].value = self.frame
            self._draw()
            return
        with self._filling():
            if change["name"] == "dataset":
                self.action = self._actions()[0][1]
            if change["name"] in ("dataset", "action"):
                self.sample = self._samples()[0]
        self._load()

    def _load(self) -> None:
        """Draw the chosen sample at its first frame, and update all menus from the traits."""
        view = sample_for_display(self.skeletons, find_sample(self.skeletons, self.sample), self.layer)
        self._view, last = view, view.joints.shape[1] - 1
        with self._filling():
            self.frame = 0
            self._choices["action"].options = self._actions()
            self._choices["sample"].options = self._samples()
            self._choices["frame"].max = self._play.max = last
            self._play.value = 0
            for name, choice in self._choices.items():
                choice.value = getattr(self, name)
        self._figure = FigureWidget(pose_figure(view.joints, view.layout, 0, title=view.title, up=view.up))
        self.children = (*self._controls, self._figure)

    def _draw(self) -> None:
        """Move the drawn bodies to the chosen frame; the camera does not move."""
        if (view := self._view) is None:
            return
        lines = pose_coordinates(view.joints, view.layout, self.frame, up=view.up)
        with self.figure.batch_update():
            for k, line in enumerate(lines):
                self.figure.update_traces(line, selector=k)
