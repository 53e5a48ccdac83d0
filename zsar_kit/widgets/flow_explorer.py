"""The flow explorer: how a clip and class texts flow into each other, and how the gate decides."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets
import numpy as np
import traitlets

from zsar_kit.data.joints import layout
from zsar_kit.errors import DataError
from zsar_kit.experiments.reports.inspection import CANDIDATES, Inspection
from zsar_kit.experiments.reports.inspection_flow import (
    TIMES,
    ClassFlow,
    ClipFlow,
    GateView,
    clip_flow,
    flow_method,
    gate_view,
)
from zsar_kit.plotting import style
from zsar_kit.widgets.body import Body
from zsar_kit.widgets.panel import Section, item, numbers, plot, words
from zsar_kit.widgets.run_widget import FIELD, LABEL, ROW, RunWidget

#: classes whose flows are drawn: the likeliest, and the true one
FIRST = 4
#: length of a drawn velocity: how far it would lead in this share of the whole time
STEP = 0.35
KEPT = 64
#: tokens of a text whose errors are shown
TOKENS = 24


class FlowExplorer(RunWidget):
    """Test clips of a run of Flora: paths from class texts to the clip with predicted and target velocities, velocity
    errors over time and per token, and the gate between seen and unseen classes.

    Errors at other times and values of gamma are for looking only: the run's own time and gamma are marked, and nothing
    is chosen here.

    Attributes:
        t: time on the path, in [0, 1].
        gamma: threshold of the gate.
        token_class: class whose tokens are shown; -1 for the likeliest.
    """

    pattern = "*_flora_*"

    candidates = traitlets.Enum(CANDIDATES, CANDIDATES[1])
    t = traitlets.Float(0.5)
    gamma = traitlets.Float(float("nan"))
    token_class = traitlets.Int(-1)

    def __init__(self, *args, **options) -> None:
        self._flows: dict[tuple, ClipFlow] = {}
        self._gates: dict[str, GateView] = {}
        super().__init__(*args, **options)

    def kept_traits(self) -> tuple[str, ...]:
        """See :meth:`RunWidget.kept_traits`."""
        return *super().kept_traits(), "t", "gamma", "token_class"

    @traitlets.validate("t")
    def _known_time(self, proposal) -> float:
        if not 0 <= (t := proposal["value"]) <= 1:
            raise DataError(f"times are in [0, 1], got {t}", where="t")
        return t

    def _accepts(self, inspection: Inspection) -> None:
        flow_method(inspection)

    def _more_controls(self) -> Sequence[ipywidgets.Widget]:
        wide = FIELD | {"flex": "1 1 320px"}
        self._time = ipywidgets.FloatSlider(
            min=0, max=1, step=TIMES[1], description="time t", readout_format=".2f", layout=wide, style=LABEL
        )
        self._gamma = ipywidgets.FloatSlider(
            min=0, max=1, step=0.001, description="gamma", readout_format=".3f", layout=wide, style=LABEL
        )
        self._tokens = ipywidgets.Dropdown(description="tokens of", options=[("the likeliest", -1)], layout=FIELD)
        for name, control in (("t", self._time), ("gamma", self._gamma), ("token_class", self._tokens)):
            control.observe(lambda change, name=name: self._chosen(name, change["new"]), "value")
        return (ipywidgets.Box([self._time, self._gamma, self._tokens], layout=ROW),)

    def _changed(self, change) -> None:
        if change["name"] in ("t", "gamma", "token_class"):
            if not self._quiet:
                self._refresh()
            return
        if change["name"] == "run" and not self._quiet:
            with self._filling():
                self.gamma, self.token_class = float("nan"), -1
        super()._changed(change)

    def flow(self, inspection: Inspection, clip: int) -> ClipFlow:
        """The flows of a clip, computed once."""
        reading = inspection.read(clip, self.candidates)
        ranking = next(iter(reading.ranking.values()))
        label = int(inspection.labels[clip])
        classes = tuple(dict.fromkeys([*(c for c, _ in ranking[:FIRST]), *({label} & {c for c, _ in ranking})]))
        key = (self.run, clip, classes)
        if key not in self._flows:
            while len(self._flows) >= KEPT:
                self._flows.pop(next(iter(self._flows)))
            self._flows[key] = clip_flow(inspection, clip, classes)
        return self._flows[key]

    def gate(self, inspection: Inspection) -> GateView:
        """The gate over the stored test scores, computed once a run."""
        if self.run not in self._gates:
            self._gates[self.run] = gate_view(inspection)
        return self._gates[self.run]

    def _show(self, inspection: Inspection, clip: int) -> Sequence[Section]:
        flow, gate = self.flow(inspection, clip), self.gate(inspection)
        self._fill(inspection, flow, gate)
        label = int(inspection.labels[clip])
        title = f"{inspection.name(label)} ({inspection.scores.samples[clip]})"
        body = Body(inspection.joints(clip), layout("ntu25"), "z", title)
        about = {"widget": type(self).__name__, **self.state()}
        shown = self.stage.bodies and self.stage.bodies[0].title == body.title
        if not shown:
            self.stage.show(body, about=about)
        place = int(np.abs(np.array(TIMES) - self.t).argmin())
        chosen = next((f for f in flow.classes if f.class_id == self.token_class), flow.classes[0])
        return [
            self._summary(inspection, clip, label),
            self._paths(inspection, flow, place),
            self._errors_over_time(inspection, flow),
            self._errors_now(inspection, flow, place, label),
            self._token_errors(inspection, chosen, place),
            self._curve(gate),
            self._decision(inspection, gate, clip),
        ]

    def _fill(self, inspection: Inspection, flow: ClipFlow, gate: GateView) -> None:
        finite = gate.curve.gammas[np.isfinite(gate.curve.gammas)]
        low, high = (float(v) for v in np.quantile(finite, [0.01, 0.99]))
        low, high = min(low, gate.gate.gamma), max(high, gate.gate.gamma)
        if np.isnan(self.gamma):
            self.gamma = gate.gate.gamma
        # The run's gamma is a step of the slider, which would round it otherwise.
        step = max((high - low) / 200, 1e-6)
        low = gate.gate.gamma - step * np.ceil((gate.gate.gamma - low) / step)
        # A slider refuses a minimum above its maximum, so the farther end moves first.
        self._gamma.min, self._gamma.max = min(low, self._gamma.min), max(high, self._gamma.max)
        self._gamma.step, self._gamma.min, self._gamma.max = step, low, high
        self._gamma.value, self._time.value = float(np.clip(self.gamma, low, high)), self.t
        options = [("the likeliest", -1), *((inspection.name(f.class_id), f.class_id) for f in flow.classes)]
        if list(self._tokens.options) != options:
            self._tokens.options = options
        if self.token_class not in [c for _, c in options]:
            self.token_class = -1
        self._tokens.value = self.token_class

    def _summary(self, inspection: Inspection, clip: int, label: int) -> Section:
        reading = inspection.read(clip, self.candidates)
        head, ranking = next(iter(reading.ranking.items()))
        best = ranking[0][0]
        line = f"smallest error: {inspection.name(best)}; true class: {inspection.name(label)} ({head} head)"
        return words(inspection.title, [line], wide=True)

    def _paths(self, inspection: Inspection, flow: ClipFlow, place: int) -> Section:
        items = []
        for number, one in enumerate(flow.classes):
            colour = style.PALETTE[number % len(style.PALETTE)]
            name, at = inspection.name(one.class_id), one.at[place]
            path = np.stack([one.source, one.target])
            items.append(item("line", path, colour=colour, size=1.5, opacity=0.7))
            items.append(item("dots", one.source[None], colour=colour, size=5, name=name, names=[name]))
            items.append(item("dots", at[None], colour=colour, size=3))
            for velocity, look in ((one.wanted, {"dash": "5 3"}), (one.predicted[place], {})):
                end = (at + STEP * velocity)[None]
                items.append(item("arrows", at[None], ends=end, colour=colour, size=2, **look))
        items.append(
            item("dots", flow.classes[0].target[None], colour=style.INK, size=6, name="the clip", names=["the clip"])
        )
        held = f"{100 * flow.share:.0f} % of the variance"
        title = f"paths at t = {TIMES[place]:.2f}: predicted (solid) and target (dashed) velocity; plane of {held}"
        return plot(title, items, frameless=True)

    def _errors_over_time(self, inspection: Inspection, flow: ClipFlow) -> Section:
        items = [
            item(
                "line",
                np.stack([TIMES, one.errors], axis=1),
                colour=style.PALETTE[number % len(style.PALETTE)],
                size=2,
                name=inspection.name(one.class_id),
            )
            for number, one in enumerate(flow.classes)
        ]
        return plot("velocity error over time (Eq. 14)", items, x="time t", y="error", rule=self.t)

    def _errors_now(self, inspection: Inspection, flow: ClipFlow, place: int, label: int) -> Section:
        order = sorted(flow.classes, key=lambda one: one.errors[place])
        shown = [(inspection.name(one.class_id), float(one.errors[place])) for one in order]
        own = float(inspection.result.method_config.get("flow", {}).get("t", 0.5))
        note = f"Smaller is better. The run decides at t = {own:g}"
        if inspection.result.method_config.get("flow", {}).get("centre"):
            note += ", and compares errors with each class's usual error"
        return numbers(
            f"velocity error at t = {TIMES[place]:.2f}", shown, own={inspection.name(label)}, note=f"{note}."
        )

    def _token_errors(self, inspection: Inspection, one: ClassFlow, place: int) -> Section:
        errors = one.token_errors[place].tolist()
        pairs = [(f"{i} {word}", e) for i, (word, e) in enumerate(zip(one.tokens, errors, strict=True), start=1)]
        cut = f"the first {TOKENS} of {len(pairs)} tokens" if len(pairs) > TOKENS else ""
        return numbers(f"error per token of {inspection.name(one.class_id)}", pairs[:TOKENS], note=cut)

    def _curve(self, gate: GateView) -> Section:
        ends = self._gamma.min, self._gamma.max
        gammas = np.linspace(*ends, 101)
        rows = np.array([gate.at(g) for g in gammas])
        looks = (("S", style.BLUE), ("U", style.RED), ("H", style.INK))
        items = [
            item("line", np.stack([gammas, rows[:, k]], axis=1), colour=colour, size=2, name=name)
            for k, (name, colour) in enumerate(looks)
        ]
        own = np.array([[gate.gate.gamma, gate.at(gate.gate.gamma)[2]]])
        items.append(item("dots", own, colour=style.GREEN, size=5, name="the run's gamma, from its folds"))
        return plot("S, U and H of the test clips", items, x="gamma", y="%", rule=self.gamma, limits={"x": ends})

    def _decision(self, inspection: Inspection, gate: GateView, clip: int) -> Section:
        s, u, h = gate.at(self.gamma)
        value = gate.gate.direction * float(gate.margins[clip])
        unseen = gate.is_unseen(clip, self.gamma)
        chosen = gate.best_unseen[clip] if unseen else gate.best_seen[clip]
        what = {
            "ratio": "smallest error among seen classes over smallest among unseen ones",
            "stacking": "best score among seen classes minus best among unseen ones",
            "logistic": "probability of an unseen class by the fitted regression",
        }[gate.gate.kind]
        side = "above" if value > self.gamma else "not above"
        lines = [
            f"The {gate.gate.kind} gate compares: {what} = {value:.3f}.",
            f"That is {side} gamma = {self.gamma:.3f}, so the clip counts as {'unseen' if unseen else 'seen'}, "
            f"and is read as {inspection.name(int(chosen))}.",
            f"Best seen class: {inspection.name(int(gate.best_seen[clip]))}; "
            f"best unseen class: {inspection.name(int(gate.best_unseen[clip]))}.",
            f"At this gamma the test clips have S {s:.1f} %, U {u:.1f} %, H {h:.1f} %. "
            f"The run chose gamma = {gate.gate.gamma:.3f} on its folds, without them.",
        ]
        return words("the gate, for this clip", lines)
