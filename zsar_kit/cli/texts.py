"""``zsar texts``: class texts."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated

import tyro
from tyro.conf import Positional, arg

from zsar_kit.cli.common import Place, Where, say

texts = tyro.extras.SubcommandApp()


def text_commands() -> ModuleType:
    """The module that does the work, imported only when a command runs."""
    return import_module("zsar_kit.experiments.text_commands")


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
