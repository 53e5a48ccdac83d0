"""Flora's curves: accuracy over one setting (its Fig. 3, 4, 8, 9, 11, 12) and over the gate's threshold (Fig. 10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.evaluation.calibration import calibration_curve
from zsar_kit.evaluation.metrics import SeenUnseenCurve
from zsar_kit.evaluation.statistics import Summary, summarize
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.figure_data import PaperFigure, Runs, data_said, main_runs, results_of, setting
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.result import RunResult
from zsar_kit.methods.latents import AttunesTexts
from zsar_kit.methods.registry import preset
from zsar_kit.plotting import style
from zsar_kit.plotting.sweeps import FEWEST, plot_sweep, plot_threshold

METRICS = {"ZSL": "zsl", "H": "harmonic", "S": "seen", "U": "unseen"}
POINTS = 241


@dataclass(frozen=True)
class Sweep:
    """One setting along the horizontal axis.

    Attributes:
        field: dotted field of the method's configuration.
        words: what it is.
        symbol: the paper's symbol, as mathtext.
        plain: the symbol in plain text.
    """

    field: str
    words: str
    symbol: str
    plain: str

    @property
    def label(self) -> str:
        """The label of the axis."""
        return f"{self.words} {self.symbol}"


TIME = Sweep("flow.t", "time (0: source, 1: target)", "$t$", "t")
NEIGHBOURS = Sweep("text.k", "number of neighbours", "$k$", "k")
TOKENS = Sweep("text.max_tokens", "largest number of text tokens", "$M_a$", "M_a")
TAU = Sweep("text.tau", "weight of the neighbours", r"$\tau$", "τ")
LAMBDA_ALIGN = Sweep("align.lambda_align", "weight of geometric consistency", r"$\lambda_{\mathrm{Align}}$", "λ_Align")
LAMBDA_FLOW = Sweep("flow.lambda_flow", "weight of the contrast", r"$\lambda_{\mathrm{Flow}}$", "λ_Flow")


def sweep_figure(sweep: Sweep) -> Callable[[Runs, Workspace], PaperFigure]:
    """The drawing function of a setting."""

    def drawn(runs: Runs, workspace: Workspace) -> PaperFigure:
        del workspace  # the results say everything
        return draw_sweep(sweep, runs)

    return drawn


def draw_sweep(sweep: Sweep, runs: Runs) -> PaperFigure:
    """ZSL, S, U and H over one setting, which is read from the configuration of each run.

    Raises:
        DataError: see :func:`results_of`; a variant's runs differ in the setting, or two variants agree in it.
    """
    results = results_of(runs)
    x, series, rows = _points(sweep, runs, results)
    first = next(iter(results.values()))[0]
    axes = plot_sweep(
        x,
        series,
        label=sweep.label,
        base=_preset_value(sweep, first),
        levels={"chance": first.evaluation.chance},
        title=data_said(first),
    )
    return PaperFigure(style.figure_of(axes), rows, _caption(sweep, results))


def neighbour_figure(runs: Runs, workspace: Workspace) -> PaperFigure:
    """Fig. 4: accuracy over the number of neighbours k and, below it, how similar the k-th neighbour still is.

    Raises:
        DataError: see :func:`draw_sweep`.
        ConfigError: the method does not attune texts.
    """
    results = results_of(runs)
    x, series, rows = _points(NEIGHBOURS, runs, results)
    first = next(iter(results.values()))[0]
    similar = _similarity(main_runs(runs)[0], workspace, max(int(k) for k in x))
    fig = style.figure(style.COLUMN, 4.1)
    grid = fig.subplots(2, 1, sharex=True, height_ratios=(2.0, 1.3))
    plot_sweep(
        x,
        series,
        label="",
        base=_preset_value(NEIGHBOURS, first),
        levels={"chance": first.evaluation.chance},
        ax=grid[0],
        title=data_said(first),
    )
    ranks = np.arange(1, similar.shape[1] + 1)
    for name, part in (("mean of the classes", similar.mean(0)), ("least similar class", similar.min(0))):
        kind = {"color": style.INK if name.startswith("mean") else style.GREY, "linewidth": 1.2, "markersize": 3.6}
        style.ensure_axes(grid[1], width=1.0, height=1.0).plot(ranks, part, marker="o", label=name, **kind)
        rows += [
            {"line": f"similarity, {name}", "k": int(k), "mean": float(s)} for k, s in zip(ranks, part, strict=True)
        ]
    style.label_axes(grid[1], x=NEIGHBOURS.label, y="cosine to k-th\nneighbour")
    style.legend_below(grid[1], columns=2)
    said = f"{_caption(NEIGHBOURS, results)} Below: cosine similarity of pooled class texts to their k-th nearest "
    return PaperFigure(fig, rows, f"{said}other text (Eq. 7), over {len(similar)} classes; nothing is trained in it.")


def threshold_figure(runs: Runs, workspace: Workspace) -> PaperFigure:
    """Fig. 10: S, U and H for every threshold of the gate, exactly, from the stored scores of the whole method's runs.

    A threshold changes no training and no score, so one run a seed gives the whole curve. Dotted lines are the
    thresholds that the runs chose on pseudo-unseen folds.
    """
    del workspace
    results = results_of(runs)
    folders = main_runs(runs)
    curves = [_curve(run) for run in folders]
    ends = np.array([np.quantile(curve.gammas, (0.005, 0.995)) for curve in curves])
    gammas = np.linspace(ends[:, 0].min(), ends[:, 1].max(), POINTS)
    pairs = np.array([at_thresholds(curve, gammas) for curve in curves])
    seen, unseen = 100 * pairs[:, 0], 100 * pairs[:, 1]
    total = seen + unseen
    harmonic = np.divide(2 * seen * unseen, total, out=np.zeros_like(total), where=total > 0)
    lines = {"H": harmonic, "S": seen, "U": unseen}
    chosen, seeds = [float(run.gate().gamma) for run in folders], [run.result().seed for run in folders]
    first = next(iter(results.values()))[0]
    kind = first.evaluation.calibration["kind"]
    axes = plot_threshold(
        gammas, lines, chosen=chosen, label=rf"threshold $\gamma$ of the gate ({kind})", title=data_said(first)
    )
    rows: list[dict[str, object]] = [
        {"line": name, "seed": seed, "gamma": float(g), "percent": float(v)}
        for name, values in lines.items()
        for seed, line in zip(seeds, values, strict=True)
        for g, v in zip(gammas, line, strict=True)
    ]
    caption = (
        f"GZSL accuracy over the threshold of the gate on {data_said(first)}: mean over the seeds "
        f"{', '.join(map(str, seeds))}, and the range between them. Exact step functions of the stored scores; dotted: "
        f"what each run chose on pseudo-unseen folds ({', '.join(f'{g:.3g}' for g in chosen)})."
    )
    return PaperFigure(style.figure_of(axes), rows, caption)


def at_thresholds(curve: SeenUnseenCurve, gammas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """S and U of a curve at given thresholds, fractions; a gate's decision changes only at the curve's own."""
    sign = -1.0 if curve.gammas[-1] < curve.gammas[0] else 1.0
    steps = sign * curve.gammas
    at = np.searchsorted(steps, sign * gammas, side="left").clip(max=len(steps) - 1)
    return curve.seen[at], curve.unseen[at]


def _curve(run: RunFolder) -> SeenUnseenCurve:
    labels, _ = run.test_samples()
    split = run.split()
    kept = ~np.isin(labels, split.excluded)
    scores = run.scores().restrict((*split.seen, *split.unseen)).select(kept)
    return calibration_curve(run.gate(), scores, labels[kept], split.seen)


def _points(
    sweep: Sweep, runs: Runs, results: dict[str, list[RunResult]]
) -> tuple[list[float], dict[str, list[Summary]], list[dict[str, object]]]:
    """The values of the setting, the scores of each metric, and both as rows, in the order of the values."""
    values: dict[str, float] = {}
    for name, found in results.items():
        own = {setting(result, sweep.field) for result in found}
        value = next(iter(own))
        if len(own) > 1 or not isinstance(value, int | float):
            raise DataError(
                f"the runs of a variant must agree in {sweep.field}, a number, got {sorted(map(str, own))}",
                where=f"runs[{name!r}]",
            )
        if value in values.values():
            other = next(n for n, v in values.items() if v == value)
            raise DataError(
                f"the variants {other!r} and {name!r} both have {sweep.field} = {value}",
                where="runs",
                remedy="Give a figure one variant a value.",
            )
        values[name] = float(value)
    order = sorted(values, key=lambda name: values[name])
    series: dict[str, list[Summary]] = {metric: [] for metric in METRICS}
    rows: list[dict[str, object]] = []
    for name in order:
        for metric, key in METRICS.items():
            summary = summarize([getattr(r.evaluation.micro, key) for r in results[name]])
            series[metric].append(summary)
            rows.append(
                {
                    "line": metric,
                    "variant": name,
                    sweep.field: values[name],
                    "mean": summary.mean,
                    "half_width": summary.half_width,
                    "seeds": [r.seed for r in results[name]],
                    "runs": [run.path.name for run in runs[name]],
                }
            )
    return [values[name] for name in order], series, rows


def _preset_value(sweep: Sweep, result: RunResult) -> float | None:
    """The value of the setting in the preset that the runs are made from."""
    value: object = preset(result.method, result.preset)
    for part in sweep.field.split("."):
        value = getattr(value, part)
    return float(value) if isinstance(value, int | float) else None


def _similarity(run: RunFolder, workspace: Workspace, k: int) -> np.ndarray:
    """Similarity of the classes' texts to their k nearest others, ``[class, k]``."""
    method = RunFolder(run.path, workspace).method()
    if not isinstance(method, AttunesTexts):
        raise ConfigError(
            f"the run's method ({run.result().method}) attunes no texts", where=run.path, remedy="Name a run of flora."
        )
    return method.neighbour_similarity(max(k, 1)).cpu().numpy()


def _caption(sweep: Sweep, results: dict[str, list[RunResult]]) -> str:
    first = next(iter(results.values()))[0]
    seeds = sorted({r.seed for found in results.values() for r in found})
    error = " Bars: 95 % Student-t intervals over the seeds." if len(seeds) >= FEWEST else ""
    n = f"{first.evaluation.n_unseen_test} unseen and {first.evaluation.n_seen_test} seen test samples"
    return (
        f"{first.method} ({first.preset}) over {sweep.plain}, the {sweep.words} ({sweep.field}), on "
        f"{data_said(first)}; seeds {', '.join(map(str, seeds))}; {n}.{error} Pale line: the preset's value. Dashed: "
        "chance (ZSL)."
    )
