"""Files that are not read, and what to make of them first."""

from __future__ import annotations

import zipfile
from importlib.resources import files
from pathlib import Path

from zsar_kit.errors import DataError

PICKLES = (".pkl", ".pickle", ".pk")
#: what an AMASS file holds: angles, shape and place of a body model, from which joints have to be computed
_BODY_MODEL = ("poses", "trans", "betas")
_EXPORT = (
    "Compute the joints with the body model and save them, in metres: "
    "numpy.savez('clip.npz', joints=joints, label=0) with joints [frame, 24, 3] in the layout smpl_24 "
    "(of the 22 joints of SMPL-H, take the wrists for the two hands)."
)


def refuse_unreadable(path: str | Path) -> None:
    """Refuse pickles and AMASS files, which are not read, with the lines that convert them. Neither is opened.

    Of a pickle only the suffix is looked at, since loading one can run any code; of a ``.npz`` only the names of its
    arrays.

    Raises:
        DataError: a pickle, or the parameters of a body model.
    """
    file = Path(path)
    if file.suffix.casefold() in PICKLES:
        problem = "a pickle can run any code when it is loaded, so it is not read"
        raise DataError(problem, where=path, remedy=_conversion(file.name))
    if file.suffix.casefold() != ".npz":
        return
    try:
        with zipfile.ZipFile(file) as archive:
            arrays = {name.removesuffix(".npy") for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError):
        return  # the reader of .npz says what is wrong with it
    if arrays.issuperset(_BODY_MODEL) and "joints" not in arrays:
        problem = "the file holds the angles and shape of a body model (AMASS), not joints"
        raise DataError(problem, where=path, remedy=_EXPORT)


def _conversion(name: str) -> str:
    """The lines for the user's own Python; the kit itself never loads a pickle."""
    text = files("zsar_kit.data").joinpath("resources", "from_pickle.txt").read_text(encoding="utf-8")
    return " ".join(text.split()).format(name=name)
