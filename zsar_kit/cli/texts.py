"""``zsar texts``: class texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from zsar_kit.cli.common import Common, CommonOptions, say
from zsar_kit.cli.text_options import GenerateOptions

texts = tyro.extras.SubcommandApp()


@texts.command(name="check")
def texts_check(
    sources: Annotated[Positional[tuple[str, ...]], arg(metavar="TEXTS...")] = (), classes: Path | None = None
) -> int:
    """Check that class texts are complete, varied, and in words that a language model knows; one line per fault.

    Args:
        sources: data sets of the kit, or .toml files; default: all data sets of the kit.
        classes: file with the official class names, one per line, to check texts of your own.
    """
    from zsar_kit.cli.answers.texts import check_text_files

    text, fit = check_text_files(sources, classes)
    say(text)
    return 0 if fit else 2


@texts.command(name="report")
def texts_report(
    sources: Annotated[Positional[tuple[str, ...]], arg(metavar="TEXTS...")] = (),
    language_model: str = "offline",
    write: Path | None = None,
    figures: Path | None = None,
    common: Common = CommonOptions(),
) -> None:
    """Report how classes share context words, how much these say about the class, and which classes are nearest.

    Args:
        sources: data sets of the kit, or .toml files; default: the kit's five data sets.
        language_model: 'offline', a model name, or a folder.
        write: Markdown file with the markers <!-- texts --> and <!-- nearest -->, for the tables.
        figures: folder for a figure.
    """
    from zsar_kit.cli.answers.text_work import report_texts

    say(report_texts(common.open(), sources, language_model, write, figures))


@texts.command(name="show")
def texts_show(
    source: Annotated[Positional[str], arg(metavar="TEXTS")],
    classes: Annotated[Positional[tuple[str, ...]], arg(metavar="CLASS...")] = (),
    write: Path | None = None,
) -> None:
    """Show everything that the texts say about some classes.

    Args:
        source: a data set of the kit, or a .toml file.
        classes: class ids or names; default: all.
        write: Markdown file with the markers <!-- classes -->, for the pages.
    """
    from zsar_kit.cli.answers.texts import show_texts

    say(show_texts(source, classes, write))


@texts.command(name="generate")
def texts_generate(
    class_list: Annotated[Positional[Path], arg(metavar="CLASSES.txt")],
    generator: Annotated[GenerateOptions, OmitArgPrefixes],
    common: Common = CommonOptions(),
) -> int:
    """Have a language model write the texts of a class list; run the command again to resume.

    Args:
        class_list: class names, one per line.
        generator: which model writes, and what it may cost.
    """
    from zsar_kit.cli.answers.text_work import write_texts

    text, complete = write_texts(class_list, generator, common.device, progress=not common.quiet)
    say(text)
    return 0 if complete else 1
