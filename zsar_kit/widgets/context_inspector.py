"""The context inspector: what a model reads from a clip, which joints it looks at, and what changes its mind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets
import numpy as np
import traitlets

from zsar_kit.data.joints import BODY_PARTS, layout
from zsar_kit.errors import ConfigError, DataError, ZsarError
from zsar_kit.experiments.reports.inspection import CANDIDATES, Change, Inspection, Reading
from zsar_kit.plotting.readings import plot_contexts
from zsar_kit.reprs import shortened
from zsar_kit.widgets.body import Body
from zsar_kit.widgets.panel import Section, bars, message, words
from zsar_kit.widgets.run_widget import FIELD, LABEL, ROW, RunWidget, button
from zsar_kit.widgets.stills import as_png

READ = ""
#: classes of a ranking that are shown
FIRST = 6


class ContextInspector(RunWidget):
    """Test clips of a run of SkeletonContext: the moving body with the importance of its joints as colour, the
    likeliest words of each slot beside those of the class's texts, and the classes by each head.

    *What if*: give a slot a word, take a body part away, hold the pose from a frame on, or give the body another clip's
    motion. Before and after stand side by side; thin grey bars are what was there before.

    Attributes:
        given: slot to the word that is given to the model; a slot that is absent is read from the motion.
        dropped: body parts that are drawn into the rest of the body.
        hold: frame from which on the pose is held; -1 for none.
        motion_of: name of the sample whose motion the body is given; empty for none.
        typed: classes in words, ``label: description; label: description``, to be ranked for the clip.
    """

    pattern = "*_skeleton-context_*"

    given = traitlets.Dict()
    dropped = traitlets.Tuple()
    hold = traitlets.Int(-1)
    motion_of = traitlets.Unicode()
    typed = traitlets.Unicode()

    def __init__(self, *args: Any, **options: Any) -> None:
        self._banks: dict[tuple[str, str], tuple[str, ...]] = {}
        super().__init__(*args, **options)

    def kept_traits(self) -> tuple[str, ...]:
        """See :meth:`RunWidget.kept_traits`."""
        return *super().kept_traits(), "given", "dropped", "hold", "motion_of", "typed"

    def _accepts(self, inspection: Inspection) -> None:
        if not inspection.slots:
            raise ConfigError(
                f"a run of {inspection.result.method!r} reads no contexts",
                where=inspection.run.path.name,
                remedy="Choose a run of skeleton_context; the ErrorExplorer shows any run.",
            )

    def _more_controls(self) -> Sequence[ipywidgets.Widget]:
        self._slot_row = ipywidgets.Box([], layout=ROW)
        self._parts = ipywidgets.SelectMultiple(
            options=BODY_PARTS[:1] + tuple(p for p in BODY_PARTS[1:] if p != "hip"),
            description="without", rows=3, layout=FIELD, style=LABEL, tooltip="body parts that are taken away",
        )  # fmt: skip
        self._parts.observe(lambda change: self._chosen("dropped", tuple(change["new"])), "value")
        self._hold = ipywidgets.IntSlider(
            min=-1, max=0, value=-1, description="hold from", continuous_update=False, layout=FIELD, style=LABEL
        )
        self._hold.observe(lambda change: self._chosen("hold", change["new"]), "value")
        self._motion = ipywidgets.Combobox(
            description="motion of", placeholder="name of a sample", continuous_update=False, layout=FIELD, style=LABEL
        )
        self._motion.observe(lambda change: self._chosen("motion_of", change["new"].strip()), "value")
        self._typed = ipywidgets.Textarea(
            description="classes", placeholder="wave: a raised hand swings; sit: the hips sink to a chair",
            rows=2, continuous_update=False, layout=FIELD | {"flex": "3 1 400px"}, style=LABEL,
        )  # fmt: skip
        rank = button(
            "rank", lambda: self._chosen("typed", self._typed.value), "rank the classes in words for this clip"
        )
        undo = button("as it is", self.undo, "undo every what-if")
        changes = ipywidgets.VBox(
            [
                self._slot_row,
                ipywidgets.Box([self._parts, self._hold, self._motion, undo], layout=ROW),
                ipywidgets.Box([self._typed, rank], layout=ROW),
            ],
            layout={"width": "100%"},
        )
        folded = ipywidgets.Accordion([changes], titles=("what if",), selected_index=0, layout={"width": "100%"})
        return (folded,)

    def undo(self) -> None:
        """Take every change back."""
        with self._filling():
            self.given, self.dropped, self.hold, self.motion_of = {}, (), -1, ""
        self._refresh()

    def change(self) -> Change:
        """The *what if* that is chosen.

        Raises:
            DataError: there is no sample of that name.
        """
        names, row = self.inspection.skeletons.index.sample, -1
        if self.motion_of:
            if not (names == self.motion_of).any():
                remedy = f"Names look like {str(names[0])!r}."
                raise DataError(f"no sample {shortened(self.motion_of, 80)!r}", where="motion of", remedy=remedy)
            row = int(np.argmax(names == self.motion_of))
        given = tuple((slot, word) for slot, word in sorted(self.given.items()) if word)
        return Change(given, tuple(self.dropped), self.hold, row)

    def _fill_changes(self, inspection: Inspection, frames: int) -> None:
        if len(self._slot_row.children) != len(inspection.slots):
            self._slot_row.children = [self._slot_field(slot) for slot in inspection.slots]
        for slot, field in zip(inspection.slots, self._slot_row.children, strict=True):
            field.value = self.given.get(slot, READ)
            field.options = self._bank(inspection, slot)
        self._parts.value = tuple(self.dropped)
        self._hold.max, self._hold.value = frames - 1, min(self.hold, frames - 1)
        if not self._motion.options:
            self._motion.options = inspection.scores.samples[:300]
        self._motion.value, self._typed.value = self.motion_of, self.typed

    def _bank(self, inspection: Inspection, slot: str) -> tuple[str, ...]:
        """The words of the seen classes in a slot, collected once a run."""
        key = (self.run, slot)
        if key not in self._banks:
            found = {word for c in inspection.split.seen for word in inspection.own_words(c).get(slot, ())}
            self._banks[key] = tuple(sorted(found))
        return self._banks[key]

    def _slot_field(self, slot: str) -> ipywidgets.Combobox:
        field = ipywidgets.Combobox(
            description=slot.replace("_", " "), placeholder="read from the motion", continuous_update=False,
            layout=FIELD, style={"description_width": "110px"},
        )  # fmt: skip
        field.observe(lambda change: self._chosen("given", {**self.given, slot: change["new"].strip()}), "value")
        return field

    def _show(self, inspection: Inspection, clip: int) -> Sequence[Section]:
        before = inspection.read(clip, self.candidates)
        self._fill_changes(inspection, before.joints.shape[1])
        label = int(inspection.labels[clip])
        title = f"{inspection.name(label)} ({inspection.scores.samples[clip]})"
        problem, after = None, None
        try:
            if (change := self.change()) != Change():
                after = inspection.read(clip, self.candidates, change)
        except ZsarError as error:
            problem = message(error)
        self._stage_bodies(title, before, after)
        sections = self._readings(inspection, label, before, after)
        if self.typed:
            sections.append(self._typed_ranking(inspection, clip))
        return [problem, *sections] if problem else sections

    def _stage_bodies(self, title: str, before: Reading, after: Reading | None) -> None:
        shown = [(title, before)] if after is None else [(f"as it is: {title}", before), (self._in_words(), after)]
        # The scale reaches at least twice the uniform importance, so that equal joints are neither bright nor dark.
        tops = [float(r.importance.max()) for _, r in shown if r.importance is not None]
        top = max([2 / len(layout("ntu25")), *tops])
        label = "importance of joints"
        bodies = [
            Body(r.joints, "ntu25", "z", name, weights=r.importance, weights_label=label, top=top) for name, r in shown
        ]
        about = {"widget": type(self).__name__, **self.state()}
        same = self.stage.bodies and np.array_equal(self.stage.bodies[0].joints, bodies[0].joints, equal_nan=True)
        self.stage.show(*bodies, keep_frame=bool(same), about=about)

    def _in_words(self) -> str:
        """The *what if* in words."""
        told = [f"{slot.replace('_', ' ')} is {word}" for slot, word in self.given.items() if word]
        told += [f"without {', '.join(self.dropped)}"] if self.dropped else []
        told += [f"held from frame {self.hold}"] if self.hold >= 0 else []
        told += [f"motion of {self.motion_of}"] if self.motion_of else []
        return f"what if: {'; '.join(told)}"

    def _readings(self, inspection: Inspection, label: int, before: Reading, after: Reading | None) -> list[Section]:
        now, own = after or before, inspection.own_words(label)
        best, share = now.ranking[_main(now)][0]
        name = _namer(inspection, self.candidates)
        right = "right" if best == label else "wrong"
        summary = (
            f"read as {inspection.name(best)} ({100 * share:.0f} %), {right}; true class: {inspection.name(label)}"
        )
        green = "Green: words of the true class's own texts, and the true class."
        found: list[Section] = [words(inspection.title, [summary, green], wide=True)]
        for slot, likely in now.contexts.items():
            was = dict(before.contexts.get(slot, ())) if after else None
            texts = ", ".join(own.get(slot, ())) or "not known"
            given = f" (given: {self.given[slot]})" if after and self.given.get(slot) else ""
            note = f"the texts say: {texts}"
            found.append(
                bars(f"{slot.replace('_', ' ')}{given}", likely, own=set(own.get(slot, ())), before=was, note=note)
            )
        for head in now.ranking:
            was = {name(c): p for c, p in before.ranking[head]} if after else None
            shown = [(name(c), p) for c, p in _first_and(now.ranking[head], label)]
            title = f"classes by the {head} head" if head != "fused" else "classes, heads together"
            found.append(bars(title, shown, own={name(label)}, before=was))
        return found

    def _typed_ranking(self, inspection: Inspection, clip: int) -> Section:
        """The classes that were typed, ranked; what is wrong with them is said in their place."""
        try:
            change = replace(self.change(), words=())
            prediction = inspection.rank_words(clip, self.typed, change)
        except ZsarError as error:
            return message(error)
        shares = [*prediction.ranked, ("(none of these)", prediction.none_of_these)]
        return bars("the classes that you typed", shares[:12])

    def picture(self) -> bytes:
        """The clip and its words, as in Fig. 3 of the paper; empty if there is nothing to show."""
        if self.problem:
            return b""
        inspection, clip = self.inspection, self._clips[self.clip]
        reading = inspection.read(clip, self.candidates, self._sound_change())
        label = int(inspection.labels[clip])
        own = inspection.own_words(label)
        titled = {slot.replace("_", " "): likely for slot, likely in reading.contexts.items()}
        figure = plot_contexts(
            reading.joints[..., [0, 2, 1]],
            layout("ntu25").bones,
            titled,
            truth={slot.replace("_", " "): own.get(slot, ()) for slot in reading.contexts},
            title=f"{inspection.name(label)}, {inspection.title}".replace("$", r"\$"),
        )
        return as_png(figure)

    def _sound_change(self) -> Change:
        """The change, or none if it can't be made."""
        try:
            self.inspection.read(self._clips[self.clip], self.candidates, change := self.change())
        except ZsarError:
            return Change()
        return change


def _namer(inspection: Inspection, candidates: str) -> Callable[[int], str]:
    """Names of classes; where all are unseen, none needs the mark."""
    return inspection.name if candidates != CANDIDATES[0] else lambda c: inspection.names[c]


def _main(reading: Reading) -> str:
    """The head that decides: all together where there are several."""
    return "fused" if "fused" in reading.ranking else next(iter(reading.ranking))


def _first_and(ranking: Sequence[tuple[int, float]], label: int) -> list[tuple[int, float]]:
    """The first classes, and the true one wherever it stands."""
    return [*ranking[:FIRST], *(pair for pair in ranking[FIRST:] if pair[0] == label)]
