"""Training, evaluation, suites, ablations, predictions, and ``zsar run``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from zsar_kit.cli.common import (
    DEFAULT_WORKSPACE,
    SOME_FAILED,
    Batch,
    Common,
    CommonOptions,
    Dataset,
    EngineOptions,
    Split,
    app,
    say,
)
from zsar_kit.cli.reading import AS_READ, Reading
from zsar_kit.semantics.editions import CURRENT, Edition

runs = tyro.extras.SubcommandApp()


@dataclass(frozen=True)
class TrainOptions:
    """What to train; the defaults are those of the demo."""

    dataset: Dataset = "puppet"
    """name of a prepared data set"""
    split: Split = "23/5"
    """name of a class split, or a split file"""
    method: str = "flora"
    """name of a method"""
    preset: str = ""
    """name of one of its presets; default: cpu if the method has it, else its first"""
    set: tuple[str, ...] = field(default_factory=tuple)
    """fields of the preset to override, e.g. align.steps=300 text.pool=seen"""
    seeds: tuple[int, ...] = (0,)
    """one run per seed"""
    suite: str = ""
    """suite whose encoder settings are used; default: demo for puppet, real for all other data sets"""
    encoder: str = ""
    """encoder preset to use instead (see `zsar features`)"""
    stream: Literal["", "joint", "bone", "motion", "bone_motion", "4s"] = ""
    """input of the encoder; default: that of its settings"""
    centring: Literal["", "first_frame", "each_frame", "hip", "none"] = ""
    """origin of the encoder's clips: the spine in the first frame, the spine or hip in each frame; default: that of its
    settings"""
    frames: int = 0
    """frames of the encoder's clips, such as 32, 64 or 96; default: that of its settings"""
    protocol: str = ""
    """how samples are divided into train and test; default: the data set's customary protocol"""
    language_model: str = "offline"
    """'offline', a model name, or a folder"""
    edition: Edition = CURRENT
    """edition of the class texts"""
    encoder_from: str = ""
    """released Shift-GCN checkpoint to use instead of training an encoder; results are marked cross-dataset"""
    low_shot: float = 1.0
    """share of each seen class's training samples that the method gets"""
    trace: int = 0
    """number of steps of the last phase at which to score, to say what choosing a step would have given"""
    features: Literal["", "encoder", "primitives", "both"] = ""
    """features of the clips; default: those that the method is made for"""
    features_from: str = ""
    """folder of imported features (zsar import) to use instead of skeletons and an encoder; results are marked"""
    allow_encoder_leak: bool = False
    """accept an encoder that has seen unseen classes, or whose training classes are unknown; tables mark the results"""


#: options with the same name in a run's configuration
RUN_FIELDS = (
    "method",
    "preset",
    "language_model",
    "edition",
    "encoder_from",
    "low_shot",
    "trace",
    "features",
    "features_from",
    "allow_encoder_leak",
)


@app.command(name="train")
def train(method: Annotated[TrainOptions, OmitArgPrefixes] = TrainOptions(), common: Common = CommonOptions()) -> None:
    """Fit a method, score the test samples, and evaluate; prints the result and the run folder."""
    from zsar_kit.cli.answers.runs import parse_overrides, train_runs
    from zsar_kit.experiments.studies.encoder_choice import Changes, encoder_of_run
    from zsar_kit.experiments.studies.suite import Case, run_config
    from zsar_kit.methods.registry import customary_preset
    from zsar_kit.methods.registry import preset as preset_of

    workspace = common.open()
    preset = method.preset or customary_preset(method.method)
    reads = method.features or ("encoder" if method.features_from else preset_of(method.method, preset).reads())
    encoder = encoder_of_run(
        workspace,
        method.dataset,
        method.suite,
        method.encoder,
        Changes(method.stream, method.centring, method.frames),
        features_from=method.features_from,
        encoder_from=method.encoder_from,
        primitives_alone=reads == "primitives",
    )
    case = Case(method.dataset, method.split, method.protocol)
    shared = {name: getattr(method, name) for name in RUN_FIELDS} | {"overrides": parse_overrides(method.set)}
    shared["preset"] = preset
    say(train_runs([run_config(case, encoder, seed=seed, **shared) for seed in method.seeds], workspace))


@app.command(name="evaluate")
def evaluate(
    run: Annotated[Positional[Path], arg(metavar="RUN")], gamma: float | None = None, common: Common = CommonOptions()
) -> None:
    """Evaluate a finished run again from its stored scores.

    Args:
        run: a run folder.
        gamma: calibrate with this value instead of the fitted one; then nothing is stored.
    """
    from zsar_kit.cli.answers.runs import evaluate_run

    say(evaluate_run(run, gamma, common.open_for(run)))


@app.command(name="show")
def show(
    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN...")],
    figures: Path | None = None,
    common: Common = CommonOptions(),
) -> None:
    """Show a table of finished runs, and draw their figures.

    Args:
        runs: run folders.
        figures: folder for figures; without it, none are drawn.
    """
    from zsar_kit.cli.answers.tables import show_runs

    named = common.workspace != DEFAULT_WORKSPACE
    say(show_runs(runs, figures, common.open() if named else None))


@app.command(name="fuse")
def fuse(
    first: Annotated[Positional[Path], arg(metavar="RUN")],
    second: Annotated[Positional[Path], arg(metavar="RUN")],
    common: Common = CommonOptions(),
) -> None:
    """Add the scores of two finished runs, with the weight that their pseudo-unseen folds choose; nothing is trained.

    Args:
        first: a run folder.
        second: another one, of the same data set, split, protocol and folds.
    """
    from zsar_kit.cli.answers.runs import fuse_runs

    say(fuse_runs(first, second, common.open_for(first, second)))


@app.command(name="sweep")
def sweep(
    suite: Annotated[Positional[str], arg(metavar="SUITE")],
    table_only: bool = False,
    write: tuple[Path, ...] = (),
    figures: Path | None = None,
    encoder_from: str = "",
    batch: Batch = EngineOptions(),
    common: Common = CommonOptions(),
) -> int:
    """Carry out all missing runs of a suite, and print its tables.

    Args:
        suite: a suite of the kit (demo, real), or a .toml file.
        table_only: train nothing, only show finished runs.
        write: Markdown files to write the tables into, between the markers <!-- NAME --> and <!-- /NAME -->, where NAME
            is the suite's name (NAME_cross with a released encoder).
        figures: folder for the suite's figures.
        encoder_from: released Shift-GCN checkpoint to use instead of training encoders; results are marked.
    """
    from zsar_kit.cli.answers.studies import sweep_suite

    text, failures = sweep_suite(common.open(), suite, table_only, write, figures, encoder_from, batch.open())
    say(text)
    return SOME_FAILED if failures else 0


@app.command(name="ablate")
def ablate(
    ablations: Annotated[Positional[tuple[str, ...]], arg(metavar="ABLATION...")],
    table_only: bool = False,
    write: tuple[Path, ...] = (),
    effects: Path | None = None,
    batch: Batch = EngineOptions(),
    common: Common = CommonOptions(),
) -> int:
    """Carry out all missing runs of ablations, and print paired differences from their bases.

    Args:
        ablations: ablations of the kit (such as flora_departures), or .toml files.
        table_only: compute nothing, only show finished runs.
        write: Markdown files; one of them has the markers <!-- NAME --> and <!-- /NAME -->, where NAME is the name of
            an ablation, and its table is written between them; one with a table of heads has NAME_by_head, too.
        effects: Markdown table (docs/departures.md) into whose last column the effects of all ablations are written.
    """
    from zsar_kit.cli.answers.studies import run_ablations

    text, failures = run_ablations(common.open(), ablations, table_only, write, effects, batch.open())
    say(text)
    return SOME_FAILED if failures else 0


@app.command(name="choose")
def choose(
    study: Annotated[Positional[str], arg(metavar="STUDY")] = "encoder_input",
    dataset: str = "",
    write: tuple[Path, ...] = (),
    common: Common = CommonOptions(),
) -> None:
    """Compare inputs of the skeleton encoder on pseudo-unseen folds by successive halving; no test sample is scored.

    Args:
        study: a study of the kit (encoder_input), or a .toml file.
        dataset: only this data set of the study; default: all.
        write: Markdown files with the markers <!-- STUDY --> and <!-- /STUDY -->, for the table.
    """
    from zsar_kit.cli.answers.studies import run_input_study

    say(run_input_study(common.open(), study, dataset, write))


@dataclass(frozen=True)
class PredictOptions:
    """What is recognised, among which classes, and how the answer is written."""

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """a run folder"""
    clip: Annotated[Positional[str], arg(metavar="CLIP")]
    """a file of any format that `zsar data new` reads; a folder of such files; or - for a stream on standard input, one
    frame a line as JSON: [person, joint, xyz] in metres"""
    classes: str = ""
    """"label: description; label: description; ..."; a label alone describes itself; @FILE reads a file; default: the
    unseen classes of the run"""
    window: float = 3.0
    """seconds of a stream that are looked at together"""
    hop: float = 1.0
    """seconds from one answer to the next"""
    form: Literal["table", "json", "csv"] = "table"
    """how answers are written; json is one line a clip or window"""
    reading: Reading = AS_READ


@app.command(name="predict")
def predict(asked: Annotated[PredictOptions, OmitArgPrefixes], common: Common = CommonOptions()) -> int:
    """Rank classes for a clip, a folder of clips, or a stream, with confidence and "none of these"; nothing is trained.

    The data doctor looks at every clip; its line stands beside the answer. Exit code 3: clips of a folder could not be
    read, or were refused.
    """
    from zsar_kit.cli.answers.prediction import predict_clip, predict_folder, predict_stream
    from zsar_kit.experiments.pipeline.own_clip import is_one_clip

    workspace = common.open_for(asked.run)
    if asked.clip == "-":
        predict_stream(workspace, asked)
        return 0
    if Path(asked.clip).is_dir() and not is_one_clip(Path(asked.clip)):
        return 3 if predict_folder(workspace, asked) else 0
    say(predict_clip(workspace, asked))
    return 0


@app.command(name="contexts")
def contexts(
    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN...")],
    k: int = 5,
    write: tuple[Path, ...] = (),
    common: Common = CommonOptions(),
) -> None:
    """Show which context words runs of SkeletonContext read from test clips, with baselines, ceiling and examples.

    Args:
        runs: folders of runs that differ only in the seed.
        k: a slot counts as right if one of the k likeliest words is among those of the class.
        write: Markdown files with markers such as <!-- utd_mhad_22-5_contexts -->, for the tables; of runs with the
            first edition of the texts <!-- utd_mhad_22-5_first_contexts -->.
    """
    from zsar_kit.cli.answers.runs import judge_contexts

    say(judge_contexts(common.open_for(*runs), runs, k, write))


@runs.command(name="export")
def run_export(
    run: Annotated[Positional[Path], arg(metavar="RUN")],
    out: Annotated[Positional[Path], arg(metavar="FILE")],
    common: Common = CommonOptions(),
) -> None:
    """Pack a run for a colleague: model, encoder, texts and results in one .zip, no data.

    Args:
        run: a run folder.
        out: file to write.
    """
    from zsar_kit.cli.answers.runs import pack_run

    say(pack_run(common.open_for(run), run, out))


@runs.command(name="import")
def run_import(
    file: Annotated[Positional[Path], arg(metavar="FILE")], max_gib: float = 4.0, common: Common = CommonOptions()
) -> None:
    """Unpack an exported run into the workspace, after checking every file; all of it, or nothing.

    Args:
        file: file written by `zsar run export`.
        max_gib: refuse a run whose files have more than this size together, in GiB.
    """
    from zsar_kit.cli.answers.runs import unpack_run

    say(unpack_run(common.open(), file, max_gib))


@app.command(name="demo")
def demo(figures: Path = Path("figures/demo"), common: Common = CommonOptions()) -> int:
    """Run the whole pipeline on the embedded synthetic data: from skeletons to tables and figures.

    Args:
        figures: folder for the figures.
    """
    from zsar_kit.cli.answers.studies import run_demo

    text, failures = run_demo(common.open(), figures)
    say(text)
    return SOME_FAILED if failures else 0


@app.command(name="doctor")
def doctor(install_lm: Annotated[bool, arg(name="install-lm")] = False, common: Common = CommonOptions()) -> int:
    """Check the installation: versions, device, offline language model.

    Args:
        install_lm: install the offline language model from the package index and verify it.
    """
    from zsar_kit.cli.answers.installation import check_installation

    text, healthy = check_installation(common.device, install_lm)
    say(text)
    return 0 if healthy else 2
