"""``zsar data new`` and ``zsar data doctor``: data of one's own, and what is wrong with any data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg

from zsar_kit.cli.common import Common, CommonOptions, Dataset, say


@dataclass(frozen=True)
class NewOptions:
    """Where the clips are, what they show, and how they are to be read."""

    source: Annotated[Path, arg(name="from")]
    """folder of clips at any depth, or one file"""
    layout: str = ""
    """joint layout: a name (see `zsar data layouts`), or a .toml file of your own; default: as the files say"""
    classes: Path | None = None
    """file with the class names in label order, one a line; default: the names that the clips have, A to Z"""
    labels: Path | None = None
    """table (.csv) with the columns sample and label, and perhaps subject, camera, setup and replication; default:
    labels.csv in the folder, or else one folder for each class"""
    names: str = ""
    """how file names are made, such as '{label}_{subject}_{}', where no table says what a clip shows; without {label}
    the folders are the classes"""
    parts: tuple[str, ...] = ()
    """what is for training, such as subject:odd, subject:1,3,5-8, subject:anna,ben, camera:1,2 or train:FILE; the first
    is the default"""
    texts: Path | None = None
    """class texts (.toml), by hand or by `zsar texts generate`; default: the names alone"""
    format: str = ""
    """of the files, where it cannot be told from them"""
    unit: str = ""
    """of the coordinates, where the files do not say: m, cm, mm, inch"""
    up: str = ""
    """axis that points up, where the files do not say: y, z, or -y (written --up=-y)"""
    rate: float = 0.0
    """frames a second, where the files do not say"""
    synthetic: bool = False
    """the data were computed rather than recorded; every table and figure of them says so"""
    accept: tuple[str, ...] = ()
    """checks of the doctor whose findings you accept; the record keeps their names"""
    replace: bool = False
    """replace a data set that is already there"""


def data_new(dataset: Dataset, given: Annotated[NewOptions, OmitArgPrefixes], common: Common = CommonOptions()) -> int:
    """Make a data set of your own: read the files, have the doctor look at them, mend what can be mended.

    Clips that cannot be read are left out, each with a line that says why, and the exit code is 3 then. Nothing is
    written if the doctor refuses the data.

    Args:
        dataset: what your data set is to be called.
        given: where the clips are, and how they are read.
    """
    from zsar_kit.cli.answers.own_data import make_data

    text, whole = make_data(common.open(), dataset, given)
    say(text)
    return 0 if whole else 3


@dataclass(frozen=True)
class DoctorOptions:
    """How a file is read, and what is kept of the answer."""

    layout: str = ""
    """joint layout of a file that does not say it"""
    format: str = ""
    """of a file, where it cannot be told from it"""
    unit: str = ""
    """of its coordinates, where it does not say"""
    up: str = ""
    """axis that points up, where it does not say"""
    rate: float = 0.0
    """frames a second, where it does not say"""
    json: bool = False
    """answer in JSON"""
    figures: str = ""
    """folder for pictures of the clips with findings: the body with suspect joints marked, and a time line"""
    accept: tuple[str, ...] = ()
    """checks whose findings you accept"""


def data_doctor(
    source: Annotated[Positional[str], arg(metavar="SET|CLIP")],
    asked: Annotated[DoctorOptions, OmitArgPrefixes],
    common: Common = CommonOptions(),
) -> int:
    """Say what is silently wrong with a prepared data set, a folder of clips, or one clip; exit code 1 if unusable.

    Args:
        source: name of a prepared data set, a folder of clips, or a file.
        asked: how a file is read, and what is kept of the answer.
    """
    from zsar_kit.cli.answers.own_data import examine

    text, usable = examine(common.open(), source, asked)
    say(text)
    return 0 if usable else 1


def data_layouts() -> None:
    """List the joint layouts that the kit knows; one of your own is a small .toml file."""
    from zsar_kit.cli.answers.own_data import list_layouts

    say(list_layouts())
