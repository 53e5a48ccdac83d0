"""``zsar import`` and ``zsar export``: published features and skeletons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from zsar_kit.cli.common import Place, Where, say

Format = Annotated[Positional[str], arg(metavar="FORMAT")]


@dataclass(frozen=True)
class ImportOptions:
    """What the file or folder holds."""

    dataset: str
    """name of the data set, e.g. ntu60"""
    split: str = ""
    """of features: the class split that they were made for, e.g. 55/5"""
    out: Path | None = None
    """folder to make; skeletons go into the workspace without it"""
    test: Literal["both", "zsl", "gzsl"] = "both"
    """of features: both (the unseen test samples are there twice and must agree), zsl, or gzsl"""
    encoder: str = ""
    """of features: name of the encoder, for people"""
    encoder_classes: str = "unknown"
    """of features: classes that the encoder was trained on: unknown, seen, all, or ids such as 0,1,2; recorded as
    declared by you"""
    protocol: str = ""
    """of skeletons: how the file divides samples, e.g. xsub for NTU60_CS.npz"""


def import_(
    form: Format,
    path: Annotated[Positional[Path], arg(metavar="PATH")],
    file: Annotated[ImportOptions, OmitArgPrefixes],
    place: Where = Place(),
) -> None:
    """Import published features (synse, flora, smie) or skeletons in one .npz (ctrgcn, pku).

    Args:
        form: synse (a folder, also of SA-DVAE, MSF, FS-VAE, TDSM), flora (.npz), smie (a folder), ctrgcn, or pku.
        path: the file or folder.
        file: what the file or folder holds.
    """
    from zsar_kit.cli.answers.exchange import import_published

    say(import_published(form, path, place.open(), **vars(file)))


def export(
    form: Format,
    source: Annotated[Positional[Path], arg(metavar="FOLDER")],
    out: Annotated[Positional[Path], arg(metavar="OUT")],
    split: str = "",
    protocol: str = "",
) -> None:
    """Write features or skeletons of the kit as others read them.

    Args:
        form: synse, flora or smie for a folder of features, ctrgcn or pku for a folder of skeletons.
        source: the set, e.g. workspace/skeletons/puppet.
        out: the file or folder to make.
        split: of features: which classes are seen and unseen.
        protocol: of skeletons: how samples are divided into train and test.
    """
    from zsar_kit.cli.answers.exchange import export_published

    say(export_published(form, source, out, split=split, protocol=protocol))
