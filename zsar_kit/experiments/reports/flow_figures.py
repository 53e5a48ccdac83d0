"""The flow of a run between class texts and the skeletons of one class: velocities in a plane, errors in the space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.reports.figure_data import PaperFigure
from zsar_kit.experiments.reports.latents import LatentReader
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.methods.latents import FlowsBetweenLatents
from zsar_kit.plotting import style
from zsar_kit.plotting.flow import FlowArrows, Plane, explain_arrows, plot_velocities, plot_velocity_errors

SKELETON, SEMANTICS = "put on a hat/cap", ("writing", "put on a hat/cap", "jump up", "reach into pocket")
"""The classes of the paper's figure, taken where the data set has them."""
ARROW_TIMES, STEP, CURVE_TIMES, GRID = (0.1, 0.3, 0.5, 0.7, 0.9), 0.16, 21, 9


@dataclass(frozen=True)
class FieldChoice:
    """What a velocity field shows.

    Attributes:
        skeleton: class id of the skeletons.
        texts: class ids of the semantics, a panel each.
        samples: number of skeletons with arrows, spread evenly over the test samples of the class.
        around_time: time of the pale arrows off the data.
    """

    skeleton: int
    texts: tuple[int, ...]
    samples: int = 6
    around_time: float = 0.5

    def __post_init__(self) -> None:
        if not self.texts or self.samples < 1 or not 0 <= self.around_time <= 1:
            raise ConfigError(
                "a velocity field needs a text, a sample, and a time in [0, 1], got "
                f"{len(self.texts)}, {self.samples} and {self.around_time}",
                where="FieldChoice",
            )


class FlowField:
    """Predicted and target velocities of one class's skeletons under several class texts, in one plane.

    A path runs from the mean of a text's tokens to a skeleton (or back, as the run's direction says); velocities are
    averaged over tokens. The plane is spanned by the two principal axes of all sources and targets.

    Args:
        run: a finished run of a method with a flow.
        choice: the classes; None takes :func:`paper_choice`.

    Raises:
        ConfigError: the method has no flow, or a class is no candidate.
        DataError: the skeletons' class has no test sample.
    """

    def __init__(self, run: RunFolder, choice: FieldChoice | None = None):
        self.reader = LatentReader(run)
        method = self.reader.method
        if not isinstance(method, FlowsBetweenLatents):
            raise ConfigError(f"the run's method ({run.result().method}) has no flow", where=run.path)
        self.method = method
        self.choice = choice = choice or paper_choice(self.reader)
        self.reader.rows(choice.texts)  # refuses a class that is no candidate
        rows = self.reader.rows([choice.skeleton])
        latents = self.reader.latents([choice.skeleton])  # says so if there is no sample
        self.count = len(latents.skeletons)
        features = torch.from_numpy(np.array(self.reader.data.inputs(rows))).to(next(method.parameters()).device)
        # Spread over the test part, whose samples are ordered by subject.
        few = features[np.unique(np.linspace(0, self.count - 1, choice.samples).round().astype(int))]
        self.curve_times = np.linspace(0, 1, CURVE_TIMES)
        with torch.inference_mode():
            self.paths = {c: method.transport(few, c, ARROW_TIMES) for c in choice.texts}
            halfway = {c: method.transport(few, c, [choice.around_time]) for c in choice.texts}
            curves = {c: method.transport(features, c, self.curve_times.tolist()) for c in choice.texts}
        self.middle = {c: one.z_t[0].mean(0) for c, one in halfway.items()}
        self.errors = {self.reader.names[c]: one.errors().cpu().numpy() for c, one in curves.items()}
        ends = [_mean(z) for one in self.paths.values() for z in (one.z_0, one.z_1)]
        self.plane = Plane.fit(np.concatenate(ends))
        self.limits = self._limits()

    def arrows(self, c: int) -> FlowArrows:
        """What the panel of one text shows, in the coordinates of the plane."""
        path, plane = self.paths[c], self.plane
        target = np.broadcast_to(_mean(path.target), _mean(path.z_t).shape)
        around, extrapolated = self._around(c)
        return FlowArrows(
            at=plane.place(_mean(path.z_t)).reshape(-1, 2),
            predicted=plane.turn(_mean(path.predicted)).reshape(-1, 2),
            target=plane.turn(target).reshape(-1, 2),
            sources=np.unique(plane.place(_mean(path.z_0)), axis=0),
            targets=np.unique(plane.place(_mean(path.z_1)), axis=0),
            around=around,
            extrapolated=extrapolated,
        )

    def measures(self, c: int) -> dict[str, float]:
        """What one text's panel shows, in numbers.

        Returns:
            ``error``, the mean ``|v - v*|`` over all test samples of the class at ``around_time``; ``length``, the mean
            length of v over that of v*, of the drawn arrows; ``target held`` and ``predicted held``, the shares of
            their squared length that lie in the plane.
        """
        nearest = int(np.abs(self.curve_times - self.choice.around_time).argmin())
        predicted, target = _mean(self.paths[c].predicted), _mean(self.paths[c].target)
        return {
            "error": float(self.errors[self.reader.names[c]][nearest].mean()),
            "length": float(np.linalg.norm(predicted, axis=-1).mean() / np.linalg.norm(target, axis=-1).mean()),
            "target held": self.plane.held(target),
            "predicted held": self.plane.held(predicted),
        }

    def table(self) -> str:
        """The measures of all panels as Markdown."""
        rows = []
        for c in self.choice.texts:
            found = self.measures(c)
            row = {"text": self.reader.names[c], "length": f"{found['length']:.2f}", "error": f"{found['error']:.1f}"}
            rows.append(row | {key: f"{found[key]:.0%}" for key in ("target held", "predicted held")})
        columns = {
            "text": "text",
            "error": "error of v, latent units",
            "length": "length of v over that of the target",
            "target held": "target in the plane",
            "predicted held": "v in the plane",
        }
        return format_table(rows, columns)

    def drawn(self) -> PaperFigure:
        """The figure with its data and caption."""
        return PaperFigure(self.figure(title=self.reader.caption()), self.rows(), self.caption())

    def _note(self, c: int) -> str:
        found = self.measures(c)
        return (
            f"|v − v*| = {found['error']:.1f}, |v| = {found['length']:.2f} |v*|\n"
            f"in plane: {found['target held']:.0%} of v*, {found['predicted held']:.0%} of v"
        )

    def figure(self, *, title: str | None = None) -> Figure:
        """A panel for each text, and below them the errors over time."""
        texts, names = self.choice.texts, self.reader.names
        columns = min(4, len(texts))
        lines = -(-len(texts) // columns)
        fig = style.figure(style.PAGE, 2.6 * lines + 2.3)
        parts: Any = fig.subfigures(3, 1, height_ratios=(2.6 * lines, 0.25, 2.05))
        upper, strip, lower = parts
        grid = np.atleast_1d(upper.subplots(lines, columns, sharex=True, sharey=True)).ravel()
        for axes, c in zip(grid, texts, strict=False):
            own = " (own)" if c == self.choice.skeleton else ""
            plot_velocities(self.arrows(c), step=STEP, limits=self.limits, legend=False, ax=axes)
            axes.set(xlabel="", ylabel="")
            head = style.literal(style.shorten(f"“{names[c]}”{own}", 26))
            axes.set_title(f"{head}\n{self._note(c)}", fontsize=style.SMALL_SIZE, loc="left")
        for axes in grid[len(texts) :]:
            axes.set_visible(False)
        plane = f"first axis of the plane, latent units ({self.plane.share:.0%} of the variance of sources and targets)"
        upper.supxlabel(plane, fontsize=style.TICK_SIZE)
        upper.supylabel("second axis, latent units", fontsize=style.TICK_SIZE)
        explain_arrows(strip)
        axes = lower.subplots()
        plot_velocity_errors(self.curve_times, self.errors, own=names[self.choice.skeleton], ax=axes)
        if title:
            fig.suptitle(style.literal(title), fontsize=style.LABEL_SIZE, x=0.01, ha="left")
        return fig

    def rows(self) -> list[dict[str, object]]:
        """The data behind the figure: every arrow, and every point of the error curves."""
        rows: list[dict[str, object]] = []
        for c in self.choice.texts:
            shown, name = self.arrows(c), self.reader.names[c]
            samples = len(self.paths[c].target)
            for i, (at, v, v_star) in enumerate(zip(shown.at, shown.predicted, shown.target, strict=True)):
                where = {"time": ARROW_TIMES[i // samples], "sample": i % samples}
                rows.append({"kind": "on the path", "text": name, **where, **_xy(at, v), **_xy((), v_star, "target ")})
            for at, v in zip(shown.around, shown.extrapolated, strict=True):
                off = {"time": self.choice.around_time, "sample": None}
                rows.append({"kind": "off the data", "text": name, **off, **_xy(at, v)})
            for t, errors in zip(self.curve_times, self.errors[name], strict=True):
                for sample, error in enumerate(errors):
                    here = {"time": float(t), "sample": sample, "error": float(error)}
                    rows.append({"kind": "error", "text": name, **here})
        return rows

    def caption(self) -> str:
        """What is drawn, from which data, in which plane."""
        choice, plane = self.choice, self.plane
        reader, shown = self.reader, len(next(iter(self.paths.values())).target)
        own, at = reader.names[choice.skeleton], ", ".join(f"{t:g}" for t in ARROW_TIMES)
        return (
            f"Velocities from class texts (diamonds) to {shown} of the {self.count} test skeletons of “{own}” (dots), "
            f"{reader.caption()}, seed {reader.result.seed}: target v* red, predicted v blue, at t = {at}; latent "
            "means, averaged over tokens. All panels are drawn in one plane, the two principal axes of the sources "
            f"and targets ({plane.points} points of {len(plane.origin)} dimensions), which holds {plane.share:.0%} of "
            "their variance; the plane is not the latent space. Pale arrows: the field around the mean path at "
            f"t = {choice.around_time:g}, off the data on which it was trained, so extrapolation. Below: errors in the "
            f"whole space over all {self.count}, mean and middle half."
        )

    def _limits(self) -> tuple[float, float, float, float]:
        places = [self.plane.place(_mean(one.z_t)).reshape(-1, 2) for one in self.paths.values()]
        moved = [
            self.plane.place(_mean(one.z_t) + STEP * _mean(one.predicted)).reshape(-1, 2) for one in self.paths.values()
        ]
        ends = [self.plane.place(_mean(z)) for one in self.paths.values() for z in (one.z_0, one.z_1)]
        every = np.concatenate([*places, *moved, *ends])
        low, high = every.min(0), every.max(0)
        # Square panels: the wider extent counts in both directions.
        half, middle = 0.58 * float((high - low).max()), (low + high) / 2
        return middle[0] - half, middle[0] + half, middle[1] - half, middle[1] + half

    def _around(self, c: int) -> tuple[np.ndarray, np.ndarray]:
        """A grid over the panel, and the field's predictions there, around the mean path's tokens."""
        left, right, bottom, top = self.limits
        x, y = (np.linspace(a, b, GRID + 2)[1:-1] for a, b in ((left, right), (bottom, top)))
        places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        tokens = self.middle[c]
        offset = self.plane.place(tokens.mean(0).cpu().numpy())
        shifts = torch.from_numpy(self.plane.lift(places - offset)).to(tokens)
        with torch.inference_mode():
            velocities = self.method.velocities_around(tokens, shifts, c, self.choice.around_time)
        return places, self.plane.turn(velocities.cpu().numpy())


def paper_choice(reader: LatentReader) -> FieldChoice:
    """The paper's classes where the data set has them as candidates, else the first unseen ones, whatever the results.

    The skeletons must be of an unseen class. Their own text comes first.
    """
    names = {reader.names[c]: c for c in reader.split.candidates}
    unseen = list(reader.split.unseen)
    skeleton = names[SKELETON] if names.get(SKELETON) in unseen else unseen[0]
    wanted = [names[name] for name in SEMANTICS if name in names]
    texts = list(dict.fromkeys([skeleton, *wanted, *unseen, *reader.split.seen]))[: len(SEMANTICS)]
    return FieldChoice(skeleton, tuple(texts))


def named_choice(reader: LatentReader, skeleton: str, texts: Sequence[str], **settings) -> FieldChoice:
    """A choice by class names; an empty name or list takes that of :func:`paper_choice`.

    Raises:
        ConfigError: a name is not a candidate's.
    """
    default = paper_choice(reader)
    names = {reader.names[c]: c for c in reader.split.candidates}
    for name in (*texts, *([skeleton] if skeleton else [])):
        if name not in names:
            raise ConfigError(f"{name!r} is no class of the split", where="classes", remedy=nearest_name(name, names))
    own = names[skeleton] if skeleton else default.skeleton
    chosen = [names[name] for name in texts] or [own, *(c for c in default.texts if c != own)][: len(SEMANTICS)]
    return FieldChoice(own, tuple(chosen), **settings)


def _mean(tokens: torch.Tensor) -> np.ndarray:
    """The mean over tokens, the second axis from the end."""
    return tokens.mean(-2).double().cpu().numpy()


def _xy(at, v, prefix: str = "predicted ") -> dict[str, object]:
    where = {"x": float(at[0]), "y": float(at[1])} if len(at) else {}
    return {**where, f"{prefix}x": float(v[0]), f"{prefix}y": float(v[1])}
