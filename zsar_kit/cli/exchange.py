"""``zsar import`` and ``zsar export``: published features and skeletons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from zsar_kit.cli.common import Common, CommonOptions, say

Format = Annotated[Positional[str], arg(metavar="FORMAT")]


@dataclass(frozen=True)
class ImportOptions:
    """What the file or folder holds."""

    dataset: str
    """name of the data set, e.g. ntu60"""
    split: str = ""
    """for features: class split that they were made for, e.g. 55/5"""
    out: Path | None = None
    """folder to write; default for skeletons: their folder in the workspace"""
    test: Literal["both", "zsl", "gzsl"] = "both"
    """for features: both (unseen test samples occur in both files and must agree), zsl, or gzsl"""
    encoder: str = ""
    """for features: name of the encoder, for information only"""
    encoder_classes: str = "unknown"
    """for features: classes that the encoder was trained on: unknown, seen, all, or ids such as 0,1,2; recorded as
    declared by you"""
    protocol: str = ""
    """for skeletons: protocol by which the file is divided into train and test, e.g. xsub for NTU60_CS.npz"""


def import_(
    form: Format,
    path: Annotated[Positional[Path], arg(metavar="PATH")],
    file: Annotated[ImportOptions, OmitArgPrefixes],
    common: Common = CommonOptions(),
) -> None:
    """Import published features (synse, flora, smie) or skeletons in one .npz (ctrgcn, pku).

    Args:
        form: synse (a folder, also of SA-DVAE, MSF, FS-VAE, TDSM), flora (.npz), smie (a folder), ctrgcn, or pku.
        path: file or folder to import.
        file: what the file or folder holds.
    """
    from zsar_kit.cli.answers.exchange import import_published

    say(import_published(form, path, common.open(), **vars(file)))


def export(
    form: Format,
    source: Annotated[Positional[Path], arg(metavar="FOLDER")],
    out: Annotated[Positional[Path], arg(metavar="OUT")],
    split: str = "",
    protocol: str = "",
) -> None:
    """Write features or skeletons of the kit in a published format.

    Args:
        form: synse, flora or smie for a folder of features, ctrgcn or pku for a folder of skeletons.
        source: folder of the features or skeletons, e.g. workspace/skeletons/puppet.
        out: file or folder to write.
        split: for features: class split, which says which classes are seen and unseen.
        protocol: for skeletons: how samples are divided into train and test.
    """
    from zsar_kit.cli.answers.exchange import export_published

    say(export_published(form, source, out, split=split, protocol=protocol))
