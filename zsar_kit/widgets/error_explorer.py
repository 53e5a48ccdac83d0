"""The error explorer: from a cell of the confusion matrix to its clips, and to what makes them look alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import ipywidgets
import numpy as np
import traitlets

from zsar_kit.data.joints import layout
from zsar_kit.errors import DataError, ZsarError
from zsar_kit.experiments.reports.inspection import OUTCOMES, Filters, Inspection
from zsar_kit.experiments.reports.inspection_errors import confusions, nearest_clips, nearest_texts
from zsar_kit.primitives.attributes import attribute
from zsar_kit.primitives.spoken import spoken_about
from zsar_kit.primitives.why import Explanation, Reason
from zsar_kit.widgets.body import Body
from zsar_kit.widgets.panel import Panel, Section, bars, matrix, message, table, words
from zsar_kit.widgets.run_widget import ROW, RunWidget, button

_MARKUP = re.compile(r"\\(.)|\*")


class ErrorExplorer(RunWidget):
    """Test clips of any run, by the cells of its confusion matrix: choose a cell, then a clip; see what the clip was
    read as, the contexts where the method reads them, the nearest class texts, and the training clips most
    alike in features. A neighbour can be put beside the clip.

    Of a method that compares levels, the attributes that decided are said, and those that misled where the answer is
    wrong; until there is a neighbour, the body where the first of them was read stands beside the clip.

    Attributes:
        cell: the true class and the class that clips were read as; ``(-1, -1)`` for all.
        neighbour: position in the data set of the clip that stands beside; -1 for none.
    """

    outcome = traitlets.Enum(OUTCOMES, OUTCOMES[2])
    cell = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(-1, -1))
    neighbour = traitlets.Int(-1)

    def __init__(self, *args: Any, **options: Any) -> None:
        self.matrix = Panel()
        self._listed: list[int] = []
        super().__init__(*args, **options)
        self.matrix.observe(self._cell_picked, "picked")
        self.panel.observe(self._neighbour_picked, "picked")

    def kept_traits(self) -> tuple[str, ...]:
        """See :meth:`RunWidget.kept_traits`."""
        return *super().kept_traits(), "cell", "neighbour"

    def _accepts(self, inspection: Inspection) -> None:
        """Every run has scores."""

    def _more_controls(self) -> Sequence[ipywidgets.Widget]:
        every = button("all cells", lambda: self._chosen("cell", (-1, -1)), "show the clips of all cells")
        alone = button("clip alone", lambda: self._chosen("neighbour", -1), "take the neighbour off the stage")
        return (self.matrix, ipywidgets.Box([every, alone], layout=ROW))

    def parts(self):
        """See :meth:`RunWidget.parts`."""
        return [self.matrix.part(), *super().parts()]

    def _cell_picked(self, change: Any) -> None:
        classes = confusions(self.inspection, self.candidates).classes
        cell = classes[change["new"]["row"]], classes[change["new"]["column"]]
        with self._filling():
            self.outcome, self.group, self.action, self.neighbour = "all", "all", -1, -1
            self.margin = (0.0, 1.0)
        self.cell = cell

    def _neighbour_picked(self, change: Any) -> None:
        row = change["new"].get("row", -1)
        if 0 <= row < len(self._listed):
            self.neighbour = self._listed[row]

    def _changed(self, change: Any) -> None:
        if self._quiet:
            return
        if change["name"] == "neighbour":
            self._refresh()
            return
        if change["name"] in ("run", "candidates"):
            with self._filling():
                self.cell, self.neighbour = (-1, -1), -1
        super()._changed(change)

    def _moved(self, change: Any) -> None:
        if not self._quiet:
            with self._filling():
                self.neighbour = -1  # it was the neighbour of another clip
        super()._moved(change)

    def _passing(self, inspection: Inspection, filters: Filters) -> np.ndarray:
        self._draw_matrix(inspection)
        found = super()._passing(inspection, filters)
        true, read = self.cell
        if true < 0:
            return found
        predicted, _ = inspection.judged(self.candidates)
        chosen = found[(inspection.labels[found] == true) & (predicted[found] == read)]
        if not len(chosen):
            raise DataError(
                "no test clip of this cell passes all filters", where="cell", remedy="Press 'all cells', or widen them."
            )
        return chosen

    def _draw_matrix(self, inspection: Inspection) -> None:
        found = confusions(inspection, self.candidates)
        place = {c: i for i, c in enumerate(found.classes)}
        chosen = (place[self.cell[0]], place[self.cell[1]]) if all(c in place for c in self.cell) else None
        names = [inspection.name(c) for c in found.classes]
        total = len(inspection.classes(self.candidates))
        of = f" (the {len(names)} most confused of {total} classes)" if total > len(names) else ""
        title = f"{inspection.title}: choose a cell{of}"
        self.matrix.sections = [matrix(title, names, found.counts, chosen)]

    def _tell(self, problem: str) -> None:
        super()._tell(problem)
        if self.run not in self._inspections:
            self.matrix.sections = []

    def _show(self, inspection: Inspection, clip: int) -> Sequence[Section]:
        predicted, margin = inspection.judged(self.candidates)
        true, read = int(inspection.labels[clip]), int(predicted[clip])
        title = f"{inspection.name(true)} ({inspection.scores.samples[clip]})"
        why, lacking = None, []
        try:
            why = inspection.explained(clip, self.candidates)
        except ZsarError as error:
            lacking = [message(error)]
        self._stage_bodies(inspection, clip, title, why)
        verdict = "right" if true == read else f"wrong; true class: {inspection.name(true)}"
        line = f"read as {inspection.name(read)}, {verdict}; margin {margin[clip]:.2f}"
        sections = [words(inspection.title, [line], wide=True), *lacking, *_reasons(why)]
        for part in (self._ranking, self._contexts, self._texts, self._neighbours):
            try:
                sections += part(inspection, clip, true, read)
            except ZsarError as error:  # what a run lacks does not hide what it has
                sections.append(message(error))
        return sections

    def _stage_bodies(self, inspection: Inspection, clip: int, title: str, why: Explanation | None) -> None:
        bodies = [Body(inspection.joints(clip), layout("ntu25"), "z", title)]
        if self.neighbour >= 0:
            index = inspection.skeletons.index
            name = f"{inspection.name(int(index.label[self.neighbour]))} ({index.sample[self.neighbour]}, training)"
            bodies.append(Body(inspection.joints_of_row(self.neighbour), layout("ntu25"), "z", f"beside: {name}"))
        elif why is not None and (reasons := (why.misled or why).reasons):
            bodies.append(_pose(reasons[0], bodies[0], "misled most" if why.misled else "decided most"))
        self.stage.show(*bodies, about={"widget": type(self).__name__, **self.state()})

    def _ranking(self, inspection: Inspection, clip: int, true: int, read: int) -> list[Section]:
        reading = inspection.read(clip, self.candidates)
        own = {inspection.name(true)}
        return [
            bars(f"classes by the {head} head", [(inspection.name(c), p) for c, p in ranking[:6]], own=own)
            for head, ranking in reading.ranking.items()
        ]

    def _contexts(self, inspection: Inspection, clip: int, true: int, read: int) -> list[Section]:
        mine, theirs = inspection.own_words(true), inspection.own_words(read)
        found = []
        for slot, likely in inspection.read(clip, self.candidates).contexts.items():
            both = sorted(set(mine.get(slot, ())) & set(theirs.get(slot, ())))
            note = f"in the texts of both classes: {', '.join(both) or 'no word'}" if true != read else ""
            found.append(bars(slot.replace("_", " "), likely, own=set(mine.get(slot, ())), note=note))
        return found

    def _texts(self, inspection: Inspection, clip: int, true: int, read: int) -> list[Section]:
        near = nearest_texts(inspection, true)
        rows = [(inspection.name(c), f"{s:.2f}") for c, s in near]
        marked = [i for i, (c, _) in enumerate(near) if c == read]
        columns = ("class", "cosine")
        return [table(f"class texts nearest to {inspection.name(true)}", columns, rows, marked=marked)]

    def _neighbours(self, inspection: Inspection, clip: int, true: int, read: int) -> list[Section]:
        near = nearest_clips(inspection, clip)
        self._listed = [row for row, _ in near]
        index = inspection.skeletons.index
        rows = [(index.sample[r], inspection.name(int(index.label[r])), f"{s:.2f}") for r, s in near]
        title = "training clips with the most similar features: choose one to put it beside"
        return [table(title, ("clip", "class", "cosine"), rows, picks=True, wide=True)]


def _reasons(why: Explanation | None) -> list[Section]:
    """The sentences of an explanation, and of what misled it."""
    if why is None:
        return []
    lead = f"{why.winner} before {why.runner_up}"
    found = [_sentences(f"why {lead}, without a gate", why)]
    if why.misled is not None and why.misled.runner_up != why.runner_up:
        title = f"what misled: {why.winner} before the right class, {why.misled.runner_up}"
        found.append(_sentences(title, why.misled))
    return found


def _sentences(title: str, why: Explanation) -> Section:
    lines = [*(reason.text for reason in why.reasons), *(f"Against it: {reason.text}" for reason in why.against)]
    plain = [_MARKUP.sub(lambda m: m.group(1) or "", line) for line in lines]
    return words(title, plain or ["no attribute: both are equally far"], wide=True)


def _pose(reason: Reason, clip: Body, what: str) -> Body:
    """The body where an attribute is read, as large as the clip's, with the joints that it is about coloured."""
    ntu = layout("ntu25")
    trunk = clip.joints[..., ntu.index("spine_shoulder"), :] - clip.joints[..., ntu.index("spine_base"), :]
    torso = float(np.nanmedian(np.linalg.norm(trunk, axis=-1)))
    weights = np.zeros((1, len(ntu)))
    weights[0, [ntu.index(name) for name in reason.joints]] = 1.0
    title = f"{what}: {spoken_about(attribute(reason.attribute))} (at {reason.seconds:.1f} s)"
    joints = reason.pose[:, None] * torso
    return Body(joints, ntu, "z", title, weights=weights, weights_label="read here")
