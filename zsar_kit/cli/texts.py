"""``zsar texts``: class texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from zsar_kit.cli.common import Common, CommonOptions, Dataset, say
from zsar_kit.cli.text_options import GenerateOptions
from zsar_kit.semantics.editions import CURRENT, Edition

texts = tyro.extras.SubcommandApp()


@texts.command(name="check")
def texts_check(
    sources: Annotated[Positional[tuple[str, ...]], arg(metavar="TEXTS...")] = (),
    classes: Path | None = None,
    edition: Edition = CURRENT,
    rules: Edition | None = None,
    counts: bool = False,
    write: Path | None = None,
) -> int:
    """Check that class texts are complete, varied, plain, and in words that a language model knows; one line per fault.

    Args:
        sources: data sets of the kit, or .toml files; default: all data sets of the kit.
        classes: file with the official class names, one per line, to check texts of your own.
        edition: edition of the kit's texts.
        rules: edition whose rules apply; default: those of the texts' own edition.
        counts: count the faults of each kind in both editions of the kit's texts, by the current rules, instead.
        write: Markdown file with the markers <!-- faults -->, for the counts.
    """
    from zsar_kit.cli.answers.texts import check_text_files, count_faults

    if counts or write is not None:
        say(count_faults(sources, write))
        return 0
    text, fit = check_text_files(sources, classes, edition, rules)
    say(text)
    return 0 if fit else 2


@texts.command(name="report")
def texts_report(
    sources: Annotated[Positional[tuple[str, ...]], arg(metavar="TEXTS...")] = (),
    language_model: str = "offline",
    edition: Edition = CURRENT,
    write: Path | None = None,
    figures: Path | None = None,
    common: Common = CommonOptions(),
) -> None:
    """Report how classes share context words, how much these say about the class, and which classes are nearest.

    Args:
        sources: data sets of the kit, or .toml files; default: the kit's five data sets.
        language_model: 'offline', a model name, or a folder.
        edition: edition of the kit's texts.
        write: Markdown file with the markers <!-- texts --> and <!-- nearest -->, for the tables.
        figures: folder for a figure.
    """
    from zsar_kit.cli.answers.text_work import report_texts

    say(report_texts(common.open(), sources, language_model, edition, write, figures))


@texts.command(name="show")
def texts_show(
    source: Annotated[Positional[str], arg(metavar="TEXTS")],
    classes: Annotated[Positional[tuple[str, ...]], arg(metavar="CLASS...")] = (),
    draw: int = 0,
    seed: int = 0,
    edition: Edition = CURRENT,
    write: Path | None = None,
    common: Common = CommonOptions(),
) -> None:
    """Show everything that the texts say about some classes.

    Args:
        source: a data set of the kit or of the workspace, a .toml file, or 'all': all classes of the kit that have
            texts of their own.
        classes: class ids or names; default: all.
        draw: draw that many classes at random instead, for a second reader.
        seed: of the drawing.
        edition: edition of the kit's texts.
        write: Markdown file with the markers <!-- classes -->, for the pages.
    """
    from zsar_kit.cli.answers.texts import draw_texts, show_texts

    common.open()  # which makes data sets of one's own known
    say(draw_texts(source, draw, seed, edition) if draw else show_texts(source, classes, edition, write))


@texts.command(name="use")
def texts_use(
    dataset: Dataset, file: Annotated[Positional[Path], arg(metavar="FILE.toml")], common: Common = CommonOptions()
) -> None:
    """Take the texts of a file for a data set of your own; the workspace keeps a copy.

    Args:
        dataset: name of a data set of your own.
        file: text file, written by hand or by `zsar texts generate`.
    """
    from zsar_kit.cli.answers.own_data import take_texts

    say(take_texts(common.open(), dataset, file))


@texts.command(name="generate")
def texts_generate(
    class_list: Annotated[Positional[Path], arg(metavar="CLASSES.txt")],
    generator: Annotated[GenerateOptions, OmitArgPrefixes],
    common: Common = CommonOptions(),
) -> int:
    """Have a language model write the texts, or fill the forms, of a class list; run the command again to resume.

    Args:
        class_list: class names, one per line.
        generator: which model writes, and what it may cost.
    """
    from zsar_kit.cli.answers.text_work import write_texts

    text, complete = write_texts(class_list, generator, common.device, progress=not common.quiet)
    say(text)
    return 0 if complete else 1
