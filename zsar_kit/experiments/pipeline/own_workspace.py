"""What a workspace knows of data sets of one's own: facts, class splits, texts, a form."""

from __future__ import annotations

import logging
import re
from functools import cache
from pathlib import Path

from zsar_kit.data.own_sets import FACTS, OwnSet, make_folder_known
from zsar_kit.errors import ZsarError
from zsar_kit.primitives.forms import use_form
from zsar_kit.semantics.text_files import use_texts

log = logging.getLogger("zsar_kit")
#: the class split of a run on data of one's own, in the run's folder
SPLIT = "split.toml"


def make_own_sets_known(root: Path) -> None:
    """Make the data sets of one's own in a workspace known: to the catalogue, and to whoever reads class texts.

    One that is damaged is passed over with a warning: all else in the workspace stays usable. Of a data set that is not
    here, runs that came without it have the facts.

    Args:
        root: the folder of the workspace; it need not exist.
    """
    for facts in sorted(root.glob(f"skeletons/*/{FACTS}")):
        folder = facts.parent
        if ".tmp-" in folder.name:  # being written, or left behind by a process that was killed
            continue
        try:
            make_folder_known(folder, root / "splits" / folder.name)
            texts = root / "texts" / f"{folder.name}.toml"
            if texts.is_file():
                use_texts(OwnSet.read(folder).dataset, texts)
            form = root / "forms" / f"{folder.name}.toml"
            if form.is_file():
                use_form(OwnSet.read(folder).dataset, form)
        except ZsarError as error:
            _warn(str(error))
    without: dict[str, list[Path]] = {}
    for facts in sorted(root.glob(f"runs/*/{FACTS}")):
        try:
            own = OwnSet.read(facts.parent)
            if not (root / "skeletons" / slug(own.dataset) / FACTS).is_file():
                without.setdefault(own.dataset, []).append(facts.parent / SPLIT)
                own.make_known([path for path in without[own.dataset] if path.is_file()])
        except ZsarError as error:
            _warn(str(error))


def slug(text: str) -> str:
    """Text as part of a file name: ``"23/5"`` becomes ``"23-5"``."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")


@cache
def _warn(text: str) -> None:
    """Once in a process: workspaces are opened often."""
    log.warning("%s", text)
