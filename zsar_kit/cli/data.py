"""``zsar data``, ``zsar split`` and ``zsar features``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes

from zsar_kit.cli.common import Common, CommonOptions, Dataset, Split, app, say

data = tyro.extras.SubcommandApp()
split = tyro.extras.SubcommandApp()


@data.command(name="list")
def data_list(common: Common = CommonOptions()) -> None:
    """List the data sets that the kit knows, and which of them are prepared."""
    from zsar_kit.cli.answers.catalogue import list_data

    say(list_data(common.open()))


@data.command(name="prepare")
def data_prepare(
    dataset: Dataset,
    root: Path | None = None,
    chain: str = "",
    strict: bool = False,
    replace: bool = False,
    processes: int = 0,
    common: Common = CommonOptions(),
) -> int:
    """Read the raw files of a data set into the workspace; run the command again to resume after an interruption.

    Broken files are left out, each with a line that says why, and the exit code is 3 if anything is broken or missing.

    Args:
        dataset: puppet (needs no root), ntu60, ntu120, pku_mmd, pku_mmd_2, utd_mhad, nw_ucla, or kinder_gator.
        root: folder of the raw files or of the downloaded zip archives, at any depth; or one archive.
        chain: how raw bodies become a sequence: ctrgcn or shift_gcn (NTU RGB+D), star or raw (PKU-MMD); default: the
            data set's customary chain (ctrgcn, star).
        strict: stop at the first broken file, and require the complete data set.
        replace: replace an existing set that was read differently or from more files.
        processes: number of reading processes; 0 uses all cores.
    """
    from zsar_kit.cli.answers.data import prepare_data

    text, whole = prepare_data(common.open(), dataset, root, chain, strict, replace, processes)
    say(text)
    return 0 if whole else 3


@data.command(name="show")
def data_show(dataset: Dataset, protocol: str = "", common: Common = CommonOptions()) -> None:
    """Show counts of a prepared data set: samples, subjects, lengths, parts.

    Args:
        dataset: name of a prepared data set.
        protocol: how samples are divided into train and test; default: the data set's customary protocol.
    """
    from zsar_kit.cli.answers.data import show_data

    say(show_data(common.open(), dataset, protocol))


@split.command(name="list")
def split_list(dataset: Dataset, common: Common = CommonOptions()) -> None:
    """List the class splits of a data set.

    Args:
        dataset: name of a data set.
    """
    from zsar_kit.cli.answers.catalogue import list_splits

    common.open()
    say(list_splits(dataset))


@split.command(name="make")
def split_make(
    dataset: Dataset,
    unseen: int,
    seed: int = 0,
    out: Path | None = None,
    name: str | None = None,
    common: Common = CommonOptions(),
) -> None:
    """Draw a reproducible random class split and write it to a file, for use wherever a split is named.

    A data set of your own keeps the split in the workspace, and knows it by its name from then on.

    Args:
        dataset: name of a data set.
        unseen: number of unseen classes.
        seed: seed of the draw; the same seed gives the same split on every machine.
        out: file to write (.toml or .json); default: split.toml, or the workspace for a data set of your own.
        name: name of the split; default: SEEN/UNSEEN for a data set of your own, and the seed.
    """
    from zsar_kit.cli.answers.catalogue import make_split_file

    say(make_split_file(common.open(), dataset, unseen, seed, out, name))


@dataclass(frozen=True)
class FeatureOptions:
    """Which encoder, and what is kept of its features."""

    suite: str = ""
    """suite whose encoder settings are used; default: demo for puppet, real for all other data sets"""
    encoder: str = ""
    """encoder preset to use instead: cpu, shift_gcn, shift_gcn_300, neuron, flora, flora_300, or st_gcn_smie"""
    stream: Literal["", "joint", "bone", "motion", "bone_motion", "4s"] = ""
    """input of the encoder; 4s trains one encoder per stream and fuses their features"""
    centring: Literal["", "first_frame", "each_frame", "hip", "none"] = ""
    """origin of the encoder's clips: the spine in the first frame, the spine or hip in each frame; default: that of its
    settings"""
    frames: int = 0
    """frames of the encoder's clips, such as 32, 64 or 96; default: that of its settings"""
    maps: bool = False
    """also keep un-pooled maps"""
    protocol: str = ""
    """how samples are divided into train and test; default: the data set's customary protocol"""
    folds: bool = True
    """also train the encoders of the pseudo-unseen folds, which calibration needs"""


@app.command(name="features")
def features(
    dataset: Dataset,
    split: Split,
    encoding: Annotated[FeatureOptions, OmitArgPrefixes] = FeatureOptions(),
    common: Common = CommonOptions(),
) -> None:
    """Train the skeleton encoder of a split on its seen classes and extract features of all samples.

    Only what is missing is computed. Started by torchrun (-m zsar_kit features ...), several processes share the work.

    Args:
        dataset: name of a prepared data set.
        split: name of a class split, a split file, or 'all' for every split of the data set.
        encoding: which encoder, and what is kept of its features.
    """
    from zsar_kit.cli.answers.features import make_features, shared_workspace
    from zsar_kit.experiments.studies.encoder_choice import Changes, chosen_encoder

    with shared_workspace(common.workspace, common.device, progress=not common.quiet) as workspace:
        changes = Changes(encoding.stream, encoding.centring, encoding.frames)
        settings = chosen_encoder(workspace, dataset, encoding.suite, encoding.encoder, changes)
        kept = {"folds": encoding.folds, "maps": encoding.maps}
        text = make_features(workspace, dataset, split, settings, encoding.protocol, **kept)
    if text:
        say(text)
