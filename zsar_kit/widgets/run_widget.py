"""What the explorers of runs share: a run, filters, a clip, a stage and a panel; what is wrong is said in the panel."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import traitlets

from zsar_kit.artefacts import write_atomic, write_json
from zsar_kit.errors import ArtefactError, ConfigError, DataError, ZsarError, nearest_name
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.inspection import CANDIDATES, GROUPS, OUTCOMES, Filters, Inspection
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.faults import machine_fault
from zsar_kit.reprs import one_line, shortened
from zsar_kit.widgets.kept import KIND, VERSION, read_view
from zsar_kit.widgets.page import Part, bundle, standing
from zsar_kit.widgets.panel import Panel, Section, message
from zsar_kit.widgets.stage import Stage

log = logging.getLogger("zsar_kit")

#: a menu with more lines is slow to send and to use; filters narrow it
MOST_CLIPS = 300
FIELD = {"width": "auto", "min_width": "200px", "flex": "1 1 260px"}
LABEL = {"description_width": "80px"}
ROW = {"flex_flow": "row wrap", "align_items": "center", "width": "100%"}
#: one above the other where a window is narrow
HALVES = {"flex_flow": "row wrap", "align_items": "flex-start", "width": "100%"}
HALF = {"flex": "1 1 430px", "min_width": "320px", "width": "auto"}


class RunWidget(ipywidgets.VBox):
    """A view of a run's test clips. Its state is in its traits, and works without a front end.

    Bad input is answered with words in the widget: what is wrong and what to do.

    Args:
        run: a run folder, its path, or the name of a run of the workspace.
        workspace: default: the one that contains the run.
        view: a view that was saved in the browser (a file, or its content), which is shown first.
        choices: traits that are set first.

    Attributes:
        run: path or name of the run folder.
        candidates: among which classes clips are classified.
        group: clips of seen or of unseen classes.
        outcome: clips that are right or wrong.
        margin: least and largest difference between the probabilities of the two best classes.
        action: class id; -1 for all.
        clip: name of the test clip.
        problem: what is wrong, in words; empty if nothing is.
    """

    #: which runs the menu offers, as a part of their folders' names
    pattern = "*"

    run = traitlets.Unicode()
    candidates = traitlets.Enum(CANDIDATES, CANDIDATES[0])
    group = traitlets.Enum(GROUPS, GROUPS[0])
    outcome = traitlets.Enum(OUTCOMES, OUTCOMES[0])
    margin = traitlets.Tuple(traitlets.Float(), traitlets.Float(), default_value=(0.0, 1.0))
    action = traitlets.Int(-1)
    clip = traitlets.Unicode()
    problem = traitlets.Unicode()

    def __init__(
        self,
        run: str | Path | RunFolder,
        *,
        workspace: Workspace | None = None,
        view: str | Path | Mapping[str, Any] | None = None,
        **choices: Any,
    ) -> None:
        super().__init__()
        folder = run if isinstance(run, RunFolder) else None
        self._workspace = workspace or (folder.workspace if folder else None)
        self._inspections: dict[str, Inspection] = {}
        self._quiet, self._clips = False, {}
        self.stage, self.panel = Stage(height=380), Panel()
        self.stage.layout, self.panel.layout = ipywidgets.Layout(**HALF), ipywidgets.Layout(**HALF)
        self._make_menus()
        if unknown := [name for name in choices if name not in self.kept_traits()]:
            problem = f"{type(self).__name__} has no choice {unknown[0]!r}"
            raise ConfigError(problem, where=unknown[0], remedy=nearest_name(unknown[0], self.kept_traits()))
        kept = read_view(view) if view is not None else None
        # The run is the one that is named: a view may have been sent by somebody whose runs are elsewhere.
        seen = {name: value for name, value in kept.chosen.items() if name != "run"} if kept else {}
        with self._filling():
            self.run = str(folder.path if folder else run)
            for name, value in {**choices, **seen}.items():
                if name not in self.kept_traits():
                    continue
                try:
                    setattr(self, name, tuple(value) if isinstance(value, list) else value)
                except traitlets.TraitError as error:
                    raise ConfigError(f"{name!r} of {type(self).__name__} can't be {value!r}", where=name) from error
        self.children = self._arranged()
        self.observe(self._changed, [name for name in self.kept_traits() if name != "clip"])
        self.observe(self._moved, "clip")
        self._open()
        if kept and not self.problem:
            kept.apply(self.stage)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({shortened(Path(self.run).name, 60)!r}, clip {shortened(self.clip, 40)!r})"

    # What a widget adds.

    @abstractmethod
    def _accepts(self, inspection: Inspection) -> None:
        """Refuse a run that this widget has nothing to show of.

        Raises:
            ConfigError: it is of another method.
        """

    @abstractmethod
    def _show(self, inspection: Inspection, clip: int) -> Sequence[Section]:
        """Put a test clip on the stage, and return what the panel says."""

    def _more_controls(self) -> Sequence[ipywidgets.Widget]:
        """Further controls, below the clip's."""
        return ()

    def kept_traits(self) -> tuple[str, ...]:
        """The traits that make the state."""
        return "run", "candidates", "group", "outcome", "margin", "action", "clip"

    # What all do.

    @property
    def inspection(self) -> Inspection:
        """The run that is shown.

        Raises:
            ArtefactError: there is no finished run of that name.
            ConfigError: it is of another method.
        """
        if self.run not in self._inspections:
            inspection = Inspection(self._folder())
            self._accepts(inspection)
            self._inspections[self.run] = inspection
        return self._inspections[self.run]

    def state(self) -> dict[str, Any]:
        """The choices, as plain values; pass them as ``**choices`` to open the same view again."""
        found = {name: getattr(self, name) for name in self.kept_traits()}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in found.items()}

    def save(self, stem: str | Path) -> list[Path]:
        """Write the view as ``stem.png``, ``stem.json`` (which reopens it: ``view=...``) and ``stem.html``.

        There is no image of a view that can't be drawn.
        """
        stem = Path(stem)
        look = {"frame": self.stage.frame, **self.stage.view}
        kept = {"kind": KIND, "version": VERSION, "stage": look, "chosen": self.state()}
        image, page = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.html")
        record = stem.with_name(f"{stem.name}.json")
        if still := self.picture():
            write_atomic(image, still)
        write_atomic(page, self.html())
        write_json(record, kept)
        return [*([image] if still else []), record, page]

    def parts(self) -> list[Part]:
        """The components of a page without a kernel."""
        return [*([self.stage.part()] if self.stage.bodies else []), self.panel.part()]

    def html(self) -> str:
        """A self-contained HTML page: the stage plays, the readings stand still."""
        return standing(self.parts(), title=repr(self), note=self._caption())

    def picture(self) -> bytes:
        """The view as a PNG image."""
        return self.stage.picture()

    def _caption(self) -> str:
        return self.problem or f"{self.inspection.title}, run {self.inspection.run.path.name}"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return bundle(super()._repr_mimebundle_(**kwargs), repr(self), self.picture, self.html, height=940)

    def _folder(self) -> RunFolder:
        path = Path(self.run)
        if self._workspace is not None and not path.exists():
            path = self._workspace.runs / self.run
        if not path.is_dir():
            raise ArtefactError(
                "there is no run folder", where=path, remedy="Choose a run of the menu, or give its path."
            )
        return RunFolder(path, self._workspace)

    def _make_menus(self) -> None:
        def menu(kind: type, name: str, **options: Any) -> Any:
            made = kind(layout=FIELD, style=LABEL, **options)
            made.observe(lambda change: self._chosen(name, change["new"]), "value")
            return made

        drop = ipywidgets.Dropdown
        self._runs = menu(drop, "run", description="run", options=[])
        self._other = ipywidgets.Text(
            description="other run",
            placeholder="path of a run folder",
            continuous_update=False,
            layout=FIELD,
            style=LABEL,
        )
        self._other.observe(lambda change: change["new"] and self._chosen("run", change["new"].strip()), "value")
        self._menus = {
            "candidates": menu(drop, "candidates", description="among", options=CANDIDATES),
            "group": menu(drop, "group", description="classes", options=GROUPS),
            "outcome": menu(drop, "outcome", description="outcome", options=OUTCOMES),
            "action": menu(drop, "action", description="class", options=[("all", -1)]),
            "margin": menu(
                ipywidgets.FloatRangeSlider,
                "margin",
                description="margin",
                min=0,
                max=1,
                step=0.01,
                continuous_update=False,
            ),
        }
        self._clip_menu = menu(drop, "clip", description="clip", options=[])
        steps = {"◀": -1, "▶": 1}
        self._steps = [ipywidgets.Button(description=text, layout={"width": "44px"}) for text in steps]
        for button, by in zip(self._steps, steps.values(), strict=True):
            button.tooltip = "clip before" if by < 0 else "next clip"
            button.on_click(lambda _, by=by: self.step(by))

    def _arranged(self) -> tuple[ipywidgets.Widget, ...]:
        rows = ([self._runs, self._other], list(self._menus.values()), [self._clip_menu, *self._steps])
        boxes = [ipywidgets.Box(row, layout=ROW) for row in rows]
        return (*boxes, *self._more_controls(), ipywidgets.Box([self.stage, self.panel], layout=HALVES))

    def step(self, by: int) -> None:
        """Go to a clip before or after this one."""
        names = list(self._clips)
        if self.clip in names:
            self.clip = names[(names.index(self.clip) + by) % len(names)]

    @contextmanager
    def _filling(self) -> Iterator[None]:
        """Ignore changes while menus and traits are being synchronised."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _chosen(self, name: str, value: Any) -> None:
        """React to a choice with the mouse."""
        if not self._quiet and value is not None:
            setattr(self, name, value)

    def _changed(self, change: Any) -> None:
        if not self._quiet:
            self._open()

    def _moved(self, change: Any) -> None:
        if not self._quiet:
            self._refresh()

    def _open(self) -> None:
        """Show the clips that pass the filters, and the first of them unless the chosen one does."""
        with self._filling(), self._problems():
            self._fill_run_menu()
            inspection = self.inspection
            self._fill_class_menu(inspection)
            for name, menu in self._menus.items():
                menu.value = getattr(self, name)
            filters = Filters(self.candidates, self.group, self.outcome, tuple(self.margin), self.action)
            self._fill_clip_menu(inspection, filters)
            self._draw()

    def _refresh(self) -> None:
        """Show the chosen clip."""
        with self._filling(), self._problems():
            self._draw()

    def _draw(self) -> None:
        inspection = self.inspection
        if self.clip not in self._clips:
            names = list(inspection.scores.samples)
            if self.clip not in names:
                raise DataError(f"no test clip {self.clip!r}", where="clip", remedy="Choose one of the menu.")
            self._clips = {self.clip: names.index(self.clip), **self._clips}
            self._clip_menu.options = [(self._label(inspection, c), name) for name, c in self._clips.items()]
        self._clip_menu.value = self.clip
        sections = self._show(inspection, self._clips[self.clip])
        self.panel.sections = list(sections)

    @contextmanager
    def _problems(self) -> Iterator[None]:
        """Say in the widget what is wrong; a view that can't be drawn leaves the controls alive."""
        try:
            yield
        except ZsarError as error:
            self._tell(str(error))
        except Exception as error:
            fault = machine_fault(error)
            if fault is None:
                log.exception("a view could not be drawn")
            self._tell(
                str(fault or f"{type(error).__name__}: {error}. This is a fault of the widget; please report it.")
            )
        else:
            self.problem, self.stage.message = "", ""

    def _tell(self, problem: str) -> None:
        self.problem = one_line(problem)
        self.panel.sections = [message(self.problem)]
        self.stage.message = "nothing to show"

    def _fill_run_menu(self) -> None:
        workspace = self._workspace or Workspace(Path(self.run).parent.parent)
        found = sorted(p for p in workspace.runs.glob(self.pattern) if p.is_dir()) if workspace.runs.is_dir() else []
        options = {p.name: str(p) for p in found}
        if self.run not in options.values():
            options = {Path(self.run).name: self.run, **options}
        pairs = [(shortened(one_line(name), 120), path) for name, path in options.items()]
        if list(self._runs.options) != pairs:
            self._runs.options = pairs
        self._runs.value = self.run

    def _fill_class_menu(self, inspection: Inspection) -> None:
        classes = inspection.classes(self.candidates)
        options = [("all", -1), *((shortened(one_line(inspection.name(c)), 100), c) for c in classes)]
        if list(self._menus["action"].options) != options:
            self._menus["action"].options = options
        if self.action not in (-1, *classes):
            self.action = -1

    def _fill_clip_menu(self, inspection: Inspection, filters: Filters) -> None:
        try:
            found = self._passing(inspection, filters)
        except ZsarError:
            self._clips, self._clip_menu.options = {}, []
            raise
        wanted = self.clip
        self._clips = {inspection.scores.samples[c]: int(c) for c in found[:MOST_CLIPS]}
        self._clip_menu.options = [(self._label(inspection, c), name) for name, c in self._clips.items()]
        shown = f"{len(self._clips)} of {len(found)}" if len(found) > MOST_CLIPS else str(len(found))
        self._clip_menu.tooltip = f"{shown} clips pass the filters"
        passing = {inspection.scores.samples[c] for c in found}
        self.clip = wanted if wanted in passing else next(iter(self._clips))

    def _passing(self, inspection: Inspection, filters: Filters) -> np.ndarray:
        """Positions of the test clips that are offered."""
        return inspection.find(filters)

    def _label(self, inspection: Inspection, clip: int) -> str:
        predicted, margin = inspection.judged(self.candidates)
        true, read = int(inspection.labels[clip]), int(predicted[clip])
        mark = "✓" if true == read else f"✗ read as {shortened(inspection.names[read], 40)}"
        name = shortened(inspection.names[true], 40)
        return one_line(f"{inspection.scores.samples[clip]}: {name} {mark} (margin {margin[clip]:.2f})")


def button(text: str, act: Callable[[], None], tip: str = "") -> ipywidgets.Button:
    """A button that does something."""
    made = ipywidgets.Button(description=text, tooltip=tip or text, layout={"width": "auto"})
    made.on_click(lambda _: act())
    return made
