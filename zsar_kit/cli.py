"""The command line ``zsar``: a thin edge over the experiments layer.

Exit codes: 0 done, 1 some run of a sweep failed, 2 bad input (one line says what, where, and what to do).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from zsar_kit.errors import ZsarError


def commands() -> ModuleType:
    """The module that does the work; imported only when a command runs, so that ``--help`` answers at once."""
    return import_module("zsar_kit.experiments.commands")


def text_commands() -> ModuleType:
    """The same for ``zsar texts``."""
    return import_module("zsar_kit.experiments.text_commands")


app = tyro.extras.SubcommandApp()
data = tyro.extras.SubcommandApp()
split = tyro.extras.SubcommandApp()
runs = tyro.extras.SubcommandApp()
texts = tyro.extras.SubcommandApp()


@dataclass(frozen=True)
class Place:
    """Where and how to work."""

    workspace: Path = Path("workspace")
    """folder of everything that is computed"""
    device: str = "auto"
    """'auto', 'cpu', or a device as torch names it"""
    quiet: bool = False
    """no progress bars"""

    def open(self):
        """The workspace."""
        return commands().open_workspace(self.workspace, self.device, progress=not self.quiet)


Where = Annotated[Place, OmitArgPrefixes]
Dataset = Annotated[Positional[str], arg(metavar="DATASET")]
Split = Annotated[Positional[str], arg(metavar="SPLIT")]


@data.command(name="list")
def data_list(place: Where = Place()) -> None:
    """Data sets that the kit knows, and which of them are prepared."""
    say(commands().list_data(place.open()))


@data.command(name="prepare")
def data_prepare(
    dataset: Dataset,
    root: Path | None = None,
    strict: bool = True,
    place: Where = Place(),
) -> None:
    """Read the raw files of a data set into the workspace.

    Args:
        dataset: puppet (needs no root), utd_mhad, nw_ucla, or kinder_gator.
        root: folder of the raw files.
        strict: stop at the first broken file; --no-strict leaves broken files out and names them.
    """
    say(commands().prepare_data(place.open(), dataset, root, strict))


@data.command(name="show")
def data_show(dataset: Dataset, protocol: str = "", place: Where = Place()) -> None:
    """Counts of a prepared data set: samples, subjects, lengths, parts.

    Args:
        dataset: name of a prepared data set.
        protocol: how samples are divided into train and test; the customary one if empty.
    """
    say(commands().show_data(place.open(), dataset, protocol))


@split.command(name="list")
def split_list(dataset: Dataset) -> None:
    """Class splits of a data set.

    Args:
        dataset: name of a data set.
    """
    say(commands().list_splits(dataset))


@split.command(name="make")
def split_make(
    dataset: Dataset, unseen: int, seed: int = 0, out: Path = Path("split.toml"), name: str | None = None
) -> None:
    """Draw a reproducible random split and write it to a file that --split takes.

    Args:
        dataset: name of a data set.
        unseen: number of unseen classes.
        seed: the same seed gives the same split everywhere.
        out: file to write, .toml or .json.
        name: name of the split.
    """
    say(commands().make_split_file(dataset, unseen, seed, out, name))


@app.command(name="features")
def features(
    dataset: Dataset,
    split: Split,
    suite: str = "real",
    protocol: str = "",
    folds: bool = True,
    place: Where = Place(),
) -> None:
    """Train the skeleton encoder of a split on its seen classes and extract features of all samples.

    Args:
        dataset: name of a prepared data set.
        split: name of a class split, or a split file.
        suite: the suite whose encoder settings are used.
        protocol: how samples are divided into train and test; the customary one if empty.
        folds: also the encoders of the pseudo-unseen folds that calibration needs.
    """
    say(commands().make_features(place.open(), dataset, split, suite, protocol, folds))


@dataclass(frozen=True)
class TrainOptions:
    """What to train; defaults are the demo's."""

    dataset: Dataset = "puppet"
    """name of a prepared data set"""
    split: Split = "23/5"
    """name of a class split, or a split file"""
    method: str = "flora"
    """name of a method"""
    preset: str = "cpu"
    """name of one of its presets"""
    set: tuple[str, ...] = field(default_factory=tuple)
    """fields of the preset to replace, e.g. align.steps=300 text.pool=seen"""
    seeds: tuple[int, ...] = (0,)
    """one run for each"""
    suite: str = "demo"
    """the suite whose encoder settings are used"""
    protocol: str = ""
    """how samples are divided into train and test"""
    language_model: str = "offline"
    """'offline', a model name, or a folder"""
    encoder_from: str = ""
    """a released Shift-GCN checkpoint to use in place of training an encoder (marked cross-dataset)"""
    low_shot: float = 1.0
    """share of each seen class's training samples that the method gets"""
    trace: int = 0
    """score at so many steps of the last phase, to say what choosing a step would have given"""


@app.command(name="train")
def train(method: Annotated[TrainOptions, OmitArgPrefixes] = TrainOptions(), place: Where = Place()) -> None:
    """Fit a method, score the test samples, evaluate; prints the run folder and its result."""
    from zsar_kit.experiments.config import RunConfig

    base = RunConfig(
        dataset=method.dataset,
        split=method.split,
        protocol=method.protocol,
        method=method.method,
        preset=method.preset,
        overrides=commands().parse_overrides(method.set),
        language_model=method.language_model,
        encoder=commands().suite_encoder(method.suite, method.dataset),
        encoder_from=method.encoder_from,
        low_shot=method.low_shot,
        trace=method.trace,
    )
    say(commands().train([replace(base, seed=seed) for seed in method.seeds], place.open()))


@app.command(name="evaluate")
def evaluate(
    run: Annotated[Positional[Path], arg(metavar="RUN")], gamma: float | None = None, place: Where = Place()
) -> None:
    """Evaluate a finished run again from its stored scores.

    Args:
        run: a run folder.
        gamma: calibrate with this value instead of the fitted one; then nothing is stored.
    """
    say(commands().evaluate_run(run, gamma, place.open()))


@app.command(name="show")
def show(runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN...")], figures: Path | None = None) -> None:
    """A table of finished runs, and their figures.

    Args:
        runs: run folders.
        figures: folder for figures; none are drawn without it.
    """
    say(commands().show_runs(runs, figures))


@app.command(name="sweep")
def sweep(
    suite: Annotated[Positional[str], arg(metavar="SUITE")],
    table_only: bool = False,
    write: Path | None = None,
    figures: Path | None = None,
    encoder_from: str = "",
    place: Where = Place(),
) -> int:
    """Do all runs of a suite that are missing, and print its table.

    Args:
        suite: a suite of the kit (demo, real), or a .toml file.
        table_only: compute nothing, show what is finished.
        write: a Markdown file with the markers <!-- NAME --> and <!-- /NAME -->, NAME being the suite's (NAME_cross
            with a released encoder); the tables go between them.
        figures: folder for the suite's figures.
        encoder_from: a released Shift-GCN checkpoint to use in place of trained encoders; its results are marked.
    """
    text, failures = commands().sweep_suite(place.open(), suite, table_only, write, figures, encoder_from)
    say(text)
    return 1 if failures else 0


@app.command(name="ablate")
def ablate(
    ablation: Annotated[Positional[str], arg(metavar="ABLATION")],
    table_only: bool = False,
    write: Path | None = None,
    effects: Path | None = None,
    place: Where = Place(),
) -> int:
    """Do the runs of an ablation that are missing, and print paired differences from its base.

    Args:
        ablation: an ablation of the kit (flora_departures, flora_token_departures), or a .toml file.
        table_only: compute nothing, show what is finished.
        write: a Markdown file with the markers <!-- NAME --> and <!-- /NAME -->, NAME being the ablation's.
        effects: a Markdown table (docs/departures.md) whose last column gets the effects.
    """
    text, failures = commands().ablate(place.open(), ablation, table_only, write, effects)
    say(text)
    return 1 if failures else 0


@app.command(name="predict")
def predict(
    run: Annotated[Positional[Path], arg(metavar="RUN")],
    clip: Annotated[Positional[str], arg(metavar="CLIP")],
    classes: str,
    layout: str = "ntu25",
    place: Where = Place(),
) -> None:
    """Rank classes given as words for one clip, with confidence and "none of these"; nothing is trained.

    Args:
        run: a run folder.
        clip: a file of a public data set, or a .npy or .npz file [frame, joint, xyz] in metres.
        classes: "label: description; label: description; ..."; a label alone describes itself; @FILE reads a file.
        layout: joint layout of an array.
    """
    say(commands().predict(place.open(), run, clip, classes, layout))


@runs.command(name="export")
def run_export(
    run: Annotated[Positional[Path], arg(metavar="RUN")],
    out: Annotated[Positional[Path], arg(metavar="FILE")],
    place: Where = Place(),
) -> None:
    """Pack a run for a colleague: model, encoder, texts and results in one .zip, no data.

    Args:
        run: a run folder.
        out: the file to write.
    """
    say(commands().export(place.open(), run, out))


@runs.command(name="import")
def run_import(file: Annotated[Positional[Path], arg(metavar="FILE")], place: Where = Place()) -> None:
    """Unpack an exported run into the workspace, after checking every file.

    Args:
        file: what `zsar run export` wrote.
    """
    say(commands().import_(place.open(), file))


@texts.command(name="check")
def texts_check(
    sources: Annotated[Positional[tuple[str, ...]], arg(metavar="TEXTS...")] = (), classes: Path | None = None
) -> int:
    """Check class texts: complete, varied, in words that a language model knows; a line for each fault.

    Args:
        sources: data sets of the kit, or .toml files; all of the kit's if none is named.
        classes: a file with the official class names, one a line, for texts of your own.
    """
    text, fit = text_commands().check(sources, classes)
    say(text)
    return 0 if fit else 2


@texts.command(name="report")
def texts_report(
    sources: Annotated[Positional[tuple[str, ...]], arg(metavar="TEXTS...")] = (),
    language_model: str = "offline",
    write: Path | None = None,
    figures: Path | None = None,
    place: Where = Place(),
) -> None:
    """How context words are shared between classes, what they say of the class, and which classes are nearest.

    Args:
        sources: data sets of the kit, or .toml files; the kit's five data sets if none is named.
        language_model: 'offline', a model name, or a folder.
        write: a Markdown file with the marks <!-- texts --> and <!-- nearest -->, where the tables go.
        figures: folder for a figure.
    """
    say(text_commands().report(place.open(), sources, language_model, write, figures))


@texts.command(name="show")
def texts_show(
    source: Annotated[Positional[str], arg(metavar="TEXTS")],
    classes: Annotated[Positional[tuple[str, ...]], arg(metavar="CLASS...")] = (),
    write: Path | None = None,
) -> None:
    """Everything that the texts say of some classes.

    Args:
        source: a data set of the kit, or a .toml file.
        classes: class ids or names; all if none is named.
        write: a Markdown file with the marks <!-- classes -->, where the pages go.
    """
    say(text_commands().show(source, classes, write))


@app.command(name="demo")
def demo(figures: Path = Path("figures/demo"), place: Where = Place()) -> int:
    """The whole route on the embedded synthetic data: skeletons to table and figures.

    Args:
        figures: folder for the figures.
    """
    text, failures = commands().demo(place.open(), figures)
    say(text)
    return 1 if failures else 0


@app.command(name="doctor")
def doctor(install_lm: Annotated[bool, arg(name="install-lm")] = False, place: Where = Place()) -> int:
    """Check the installation: versions, device, offline language model.

    Args:
        install_lm: fetch the offline language model from the package index and verify it.
    """
    text, healthy = commands().doctor(place.device, install_lm)
    say(text)
    return 0 if healthy else 2


app.command(data, name="data", help="Data sets: list, prepare, show.")
app.command(split, name="split", help="Class splits: list, make.")
app.command(texts, name="texts", help="Class texts: check, report, show, generate.")
app.command(runs, name="run", help="Finished runs: export, import.")


def say(text: str) -> None:
    """Print a command's answer to standard output."""
    sys.stdout.write(text.rstrip("\n") + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; bad input gives one line on standard error and exit code 2."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        code = app.cli(
            prog="zsar",
            description="A workbench for zero-shot skeleton action recognition.",
            args=None if argv is None else list(argv),
        )
    except ZsarError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return int(code or 0)


def entry_point() -> None:
    """The console script."""
    raise SystemExit(main())
