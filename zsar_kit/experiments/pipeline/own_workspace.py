"""What a workspace knows of data sets of one's own: facts, class splits, texts."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

from zsar_kit.data.own_sets import FACTS, OwnSet, make_folder_known
from zsar_kit.errors import ZsarError
from zsar_kit.semantics.text_files import use_texts

log = logging.getLogger("zsar_kit")


def make_own_sets_known(root: Path) -> None:
    """Make the data sets of one's own in a workspace known: to the catalogue, and to whoever reads class texts.

    One that is damaged is passed over with a warning: all else in the workspace stays usable.

    Args:
        root: the folder of the workspace; it need not exist.
    """
    for facts in sorted(root.glob(f"skeletons/*/{FACTS}")):
        folder = facts.parent
        try:
            make_folder_known(folder, root / "splits" / folder.name)
            texts = root / "texts" / f"{folder.name}.toml"
            if texts.is_file():
                use_texts(OwnSet.read(folder).dataset, texts)
        except ZsarError as error:
            _warn(str(error))


@cache
def _warn(text: str) -> None:
    """Once in a process: workspaces are opened often."""
    log.warning("%s", text)
