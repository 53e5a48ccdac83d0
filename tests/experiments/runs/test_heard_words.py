"""The words of a recogniser: remembered while they stay the same, read again when their file has changed."""

from __future__ import annotations

from zsar_kit.experiments.runs.recogniser import Recogniser
from zsar_kit.methods.base import Method
from zsar_kit.semantics.texts import ClassTexts


class Listening(Method):
    """A method that does nothing."""


Listening.__abstractmethods__ = frozenset()


def recogniser(heard: list[tuple[str, ...]], monkeypatch) -> Recogniser:
    """One without a model, which notes the classes that it would add."""

    def note(_: Recogniser, texts: ClassTexts) -> Method:
        heard.append(texts.names)
        return object.__new__(Listening)

    monkeypatch.setattr(Recogniser, "_with_classes", note)
    monkeypatch.setattr(Recogniser, "_first_id", 3)
    return object.__new__(Recogniser)


def test_an_edited_file_of_classes_is_read_again(tmp_path, monkeypatch):
    heard: list[tuple[str, ...]] = []
    one, file = recogniser(heard, monkeypatch), tmp_path / "classes.txt"
    file.write_text("bow: the trunk bends\nwave: a hand swings", encoding="utf-8")
    assert one._candidates(f"@{file}")[:2] == ((3, 4), ("bow", "wave"))
    assert one._candidates(f"@{file}")[1] == ("bow", "wave")
    assert heard == [("bow", "wave")]
    file.write_text("bow: the trunk bends\nkick: a leg swings", encoding="utf-8")
    assert one._candidates(f"@{file}")[1] == ("bow", "kick")
    file.write_text("bow: the trunk leans forward\nkick: a leg swings", encoding="utf-8")
    one._candidates(f"@{file}")
    assert heard == [("bow", "wave"), ("bow", "kick"), ("bow", "kick")]  # another description counts too


def test_the_same_words_are_encoded_once(monkeypatch):
    heard: list[tuple[str, ...]] = []
    one = recogniser(heard, monkeypatch)
    for words in (
        "bow: it bends; wave: it swings",
        "bow: it bends;  wave:  it swings",
        "bow: it bends; wave: it sways",
    ):
        one._candidates(words)
    assert heard == [("bow", "wave")] * 2
