"""``zsar form``: forms of expected levels shown, made, changed, checked; the list of attributes as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional, arg

from zsar_kit.cli.common import Common, CommonOptions, Dataset, say

form = tyro.extras.SubcommandApp()
File = Annotated[Positional[Path], arg(metavar="FILE.toml")]


@form.command(name="show")
def form_show(
    source: Annotated[Positional[str], arg(metavar="FORM")],
    classes: Annotated[Positional[tuple[str, ...]], arg(metavar="CLASS...")] = (),
    author: str = "mean",
    every: bool = False,
) -> None:
    """Show what a form expects of some classes, with each level in words; or which classes it has.

    Args:
        source: a data set of the kit, or a .toml file.
        classes: class ids or names; without them, the classes are listed.
        author: of the kit's forms: 'first', 'second', or 'mean'.
        every: neutral levels too, those of somebody who stands still.
    """
    from zsar_kit.cli.answers.forms import show_form

    say(show_form(source, classes, author, every))


@form.command(name="new")
def form_new(
    path: File,
    name: Annotated[str, arg(name="class")],
    like: str = "",
    dataset: str = "",
) -> None:
    """Add a class to a form, or begin a form with it.

    Args:
        path: the form; it is made if there is none.
        name: name of the class.
        like: begin with the levels of a class of the kit, such as 'ntu120:22'; default: of somebody who stands still.
        dataset: name of a new form; default: the name of the file.
    """
    from zsar_kit.cli.answers.forms import new_class

    say(new_class(path, name, like, dataset))


@form.command(name="set")
def form_set(
    path: File,
    class_: Annotated[Positional[str], arg(metavar="CLASS")],
    levels: Annotated[Positional[tuple[str, ...]], arg(metavar="ATTRIBUTE=LEVEL...")],
) -> None:
    """Set levels of a class in a form of your own.

    Args:
        path: the form.
        class_: id or name of the class.
        levels: such as lead_hand_highest=0.75; '?' is unknown, 'neutral' the level of somebody who stands still.
    """
    from zsar_kit.cli.answers.forms import set_levels

    say(set_levels(path, class_, levels))


@form.command(name="edit")
def form_edit(
    path: File,
    class_: Annotated[Positional[str], arg(metavar="CLASS")],
    editor: str = "",
) -> None:
    """Open a class of a form in your text editor, every attribute with the meaning of its levels.

    What is saved is checked before the form is replaced. A draft that cannot be used is kept, and opened again by the
    same command.

    Args:
        path: the form.
        class_: id or name of the class.
        editor: command of the editor; default: the variable VISUAL, or EDITOR.
    """
    from zsar_kit.cli.answers.forms import edit_class

    say(edit_class(path, class_, editor))


@form.command(name="check")
def form_check(paths: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILE.toml...")]) -> int:
    """Check forms of your own: attributes, levels, and classes that nothing tells apart.

    Args:
        paths: the forms.
    """
    from zsar_kit.cli.answers.forms import check_forms

    text, fit = check_forms(paths)
    say(text)
    return 0 if fit else 2


@form.command(name="use")
def form_use(dataset: Dataset, file: File, common: Common = CommonOptions()) -> None:
    """Take the levels of a form for a data set of your own, for its runs; the workspace keeps a copy.

    Args:
        dataset: name of a data set of your own.
        file: a form with all of its classes.
    """
    from zsar_kit.cli.answers.own_data import take_form

    say(take_form(common.open(), dataset, file))


@form.command(name="attributes")
def form_attributes(write: Path | None = None, figures: Path | None = None) -> None:
    """List all attributes and the meaning of their levels, and how far the two authors of the kit's forms agree.

    Args:
        write: Markdown file with the markers <!-- attributes -->, <!-- agreement -->,
            <!-- agreement_by_attribute --> and <!-- agreement_by_class -->, for the tables.
        figures: folder for drawings of the levels, one file a topic, and for the forms as matrices, one a data set.
    """
    from zsar_kit.cli.answers.forms import attribute_pages

    say(attribute_pages(write, figures))
