"""Class texts and form of a data set of one's own: which file they are in, and that they fit the classes."""

from __future__ import annotations

import logging
from pathlib import Path

from zsar_kit.artefacts import write_atomic
from zsar_kit.data.catalogue import class_names
from zsar_kit.errors import TextError
from zsar_kit.experiments.pipeline.new_set import require_own_name
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.primitives.forms import Form, read_form, require_distinct, use_form
from zsar_kit.semantics.text_files import load_texts, use_texts
from zsar_kit.semantics.text_writer import toml_text
from zsar_kit.semantics.texts import BASIC_SETS, ClassTexts

log = logging.getLogger("zsar_kit")


def use_own_texts(workspace: Workspace, dataset: str, file: Path) -> ClassTexts:
    """Take the texts of a file for a data set of one's own; the workspace keeps a copy.

    Runs record the wording they were made with, so that other texts make other runs.

    Raises:
        TextError: the file is malformed, or its classes are not those of the data set.
        DataError: the data set is a published one.
        SplitError: the data set is not known.
    """
    require_own_name(dataset)
    texts = check_own_texts(dataset, class_names(dataset), file)
    place = workspace.texts_file(dataset)
    write_atomic(place, file.read_bytes())
    use_texts(dataset, place)
    return texts


def use_own_form(workspace: Workspace, dataset: str, file: Path) -> Form:
    """Take the expected levels of a file for a data set of one's own; the workspace keeps a copy.

    Runs record the levels they were made with; one that was made with others is refused until its folder is moved away.

    Raises:
        TextError: the form is broken, its classes are not those of the data set, or two of them have equal levels.
        DataError: the data set is a published one.
        SplitError: the data set is not known.
    """
    require_own_name(dataset)
    form = read_form(file)
    _require_classes(dict(zip(form.class_ids, form.class_names, strict=True)), class_names(dataset), dataset, file)
    require_distinct(form)
    place = workspace.form_file(dataset)
    write_atomic(place, file.read_bytes())
    use_form(dataset, place)
    return form


def check_own_texts(dataset: str, names: tuple[str, ...], file: Path) -> ClassTexts:
    """Read texts and refuse those that are not of these classes.

    Raises:
        TextError: the file is malformed, is for another data set, or has other classes.
    """
    texts = load_texts(Path(file))
    if texts.dataset != dataset:
        remedy = f'Its first line must be: dataset = "{dataset}".'
        raise TextError(f"the texts are for {texts.dataset!r}, not for {dataset!r}", where=file, remedy=remedy)
    _require_classes(dict(zip(texts.ids, texts.names, strict=True)), names, dataset, file)
    refuse_same_texts(texts, file)
    return texts


def _require_classes(given: dict[int, str], names: tuple[str, ...], dataset: str, file: Path) -> None:
    """Refuse a file whose classes are not those of the data set."""
    for number, name in enumerate(names):
        if given.get(number) != name:
            came = f"class {number} is {given[number]!r}" if number in given else f"there is no class {number}"
            remedy = "Ids are positions in the list of classes, from 0 on, and names must be the same."
            raise TextError(f"class {number} of {dataset} is {name!r}; in the file {came}", where=file, remedy=remedy)
    if more := sorted(set(given) - set(range(len(names)))):
        problem = f"{dataset} has {len(names)} classes; the file has a class {more[0]}"
        raise TextError(problem, where=file, remedy="Remove its table.")


def refuse_same_texts(texts: ClassTexts, file: Path) -> None:
    """Refuse texts by which two classes cannot be told apart.

    Raises:
        TextError: two classes have the same name, label, definition or motion text, word for word.
    """
    for name in (kind for kind in BASIC_SETS if kind in texts.common_sets):
        first: dict[tuple[str, ...], int] = {}
        for number in texts.ids:
            said = tuple(sentence.casefold() for sentence in texts.sentences(name, number))
            if (other := first.setdefault(said, number)) != number:
                problem = (
                    f"classes {other} and {number} have the same {name} text, so nothing can tell them apart by it"
                )
                raise TextError(
                    problem, where=file, remedy="Say in each what the other lacks, or merge the two classes."
                )


def _fault_of(dataset: str, names: tuple[str, ...], file: Path) -> str:
    """Why texts do not fit the classes; empty if they do."""
    try:
        check_own_texts(dataset, names, file)
    except TextError as error:
        return str(error)
    return ""


def write_names_as_texts(workspace: Workspace, dataset: str) -> Path:
    """A text file with nothing but the class names, for a data set that has no texts yet; returns where it is.

    An existing file with the same classes stays, as it may have been written by hand. One that does not fit, such as
    that of a set that was replaced by one with other classes, is kept aside.
    """
    place = workspace.texts_file(dataset)
    names = class_names(dataset)
    if place.is_file() and (fault := _fault_of(dataset, names, place)):
        aside = place.with_name(f"{place.stem}.before{place.suffix}")
        place.replace(aside)
        log.warning("The texts that were there do not fit and are now %s: %s", aside, fault)
    if not place.is_file():
        tables = [{"id": i, "name": name, "label": name} for i, name in enumerate(names)]
        comment = (
            "Class names alone: add motion and the other texts by hand, or have them written: zsar texts generate."
        )
        write_atomic(place, toml_text(dataset, tables, comment))
    use_texts(dataset, place)
    return place
