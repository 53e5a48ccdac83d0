"""Checks of class texts beyond their form: complete, varied, and in words that a language model knows.

The reader (:mod:`zsar_kit.semantics.text_files`) refuses malformed files; this module finds what makes well-formed
texts unsuitable. All findings are collected, each with its line and a remedy.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import cache

from zsar_kit.semantics.body_rules import BODY_SETS, body_faults
from zsar_kit.semantics.context_rules import class_faults, row_faults
from zsar_kit.semantics.context_sentences import context_sentence
from zsar_kit.semantics.editions import Edition
from zsar_kit.semantics.findings import KINDS, Finding, place_of
from zsar_kit.semantics.offline import offline_model_folder
from zsar_kit.semantics.texts import NOTHING, SLOTS, TEXT_SETS, ClassTexts, Context

CONTEXTS = 10
"""Context descriptions of a class (SkeletonContext section 4.2)."""

DISTINCT = 6
"""Fewest distinct (place, object, sub-action) triples among them."""

LONGEST = {"definition": 30, "motion": 60, "parts": 20, "phases": 20, "contexts": 20}
"""Longest sentences in words; in longer ones a reader, and a pooled feature, lose the thread."""

_SENTENCES = ("definition", *BODY_SETS)
_VOCABULARY_SIZE = 30_522
"""Of ``bert-base-uncased``, which the offline model shares."""


def check_texts(
    texts: ClassTexts,
    *,
    names: Sequence[str] | None = None,
    vocabulary: Collection[str] | None = None,
    text_sets: Iterable[str] = TEXT_SETS,
    rules: Edition | None = None,
) -> list[Finding]:
    """Everything that is wrong with the texts of a data set; an empty list if they are fine.

    Args:
        texts: the texts.
        names: official class names in label order, to find missing, extra and misnamed classes; None skips that.
        vocabulary: word pieces of the language model that fills masked slots; None means ``bert-base-uncased``'s.
        text_sets: the sets that every class must have.
        rules: the edition whose rules apply; None means the texts' own. The rules of the second edition are those of
            the first and more (:mod:`~zsar_kit.semantics.body_rules`, :mod:`~zsar_kit.semantics.context_rules`).

    Raises:
        MissingModelError: no vocabulary is given, and the offline language model, which has it, is not installed.
    """
    pieces = bert_vocabulary() if vocabulary is None else vocabulary
    found = [] if names is None else _against_class_list(texts, names)
    wanted = list(text_sets)
    for class_id in texts.ids:
        found += _lacking(texts, class_id, wanted)
        found += _sentences(texts, class_id)
        if texts.contexts and texts.contexts[texts.position(class_id)]:
            found += _contexts(texts, class_id, pieces)
    found += _repeated(texts)
    if (rules or texts.edition) == "second":
        things = {word for rows in texts.contexts for row in rows for word in (row.used_object, row.target_object)}
        for class_id in texts.ids:
            found += _by_the_rules(texts, class_id, things, pieces)
    return found


def counts_by_kind(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings there are of each kind, in the order of :data:`~zsar_kit.semantics.findings.KINDS`."""
    counts = Counter(f.kind for f in findings)
    return {kind: counts[kind] for kind in KINDS}


def _by_the_rules(
    texts: ClassTexts, class_id: int, things: Collection[str], vocabulary: Collection[str]
) -> Iterable[Finding]:
    """What the second edition's rules find in one class."""
    index = texts.position(class_id)
    sets, rows = texts.by_class[index], texts.contexts[index] if texts.contexts else ()
    for kind, text_set, problem, remedy in body_faults(texts.names[index], sets):
        yield Finding(place_of(texts, class_id, text_set), f"{text_set!r}: {problem}", remedy, kind)
    for number, row in enumerate(rows, start=1):
        for kind, problem, remedy in row_faults(row, texts.edition):
            yield Finding(place_of(texts, class_id, "contexts", number), problem, remedy, kind)
    if rows and "verb" in sets and "noun" in sets:
        said = (texts.names[index], sets["verb"][0], sets["noun"][0])
        for kind, problem, remedy in class_faults(*said, rows, things, vocabulary):
            yield Finding(place_of(texts, class_id, "contexts"), problem, remedy, kind)


@cache
def bert_vocabulary() -> frozenset[str]:
    """Whole words of ``bert-base-uncased``'s vocabulary, read from the offline model, which shares it.

    Raises:
        MissingModelError: the offline model is not installed.
    """
    tokenizer = json.loads((offline_model_folder() / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    assert len(vocabulary) == _VOCABULARY_SIZE, "the verified file changed"
    return frozenset(word for word in vocabulary if word.isalpha() and len(word) > 1)


def _against_class_list(texts: ClassTexts, names: Sequence[str]) -> list[Finding]:
    found = []
    own = dict(zip(texts.ids, texts.names, strict=True))
    for class_id, name in enumerate(names):
        if class_id not in own:
            remedy = f"Add a [[class]] table with `id = {class_id}` and `name = {json.dumps(name)}`."
            found.append(Finding(texts.source, f"class {class_id} ({name!r}) is missing", remedy, "completeness"))
        elif own[class_id] != name:
            problem = f"class {class_id} is called {own[class_id]!r}, the class list says {name!r}"
            found.append(
                Finding(place_of(texts, class_id, "name"), problem, "Give it the name of the list.", "completeness")
            )
    for class_id in sorted(set(own) - set(range(len(names)))):
        problem = f"class {class_id} ({own[class_id]!r}) is not in the class list, which ends at {len(names) - 1}"
        found.append(Finding(place_of(texts, class_id, "id"), problem, "Remove its table.", "completeness"))
    return found


def _lacking(texts: ClassTexts, class_id: int, wanted: Sequence[str]) -> list[Finding]:
    sets = texts.by_class[texts.position(class_id)]
    # A missing group is reported once, not once for each of its members.
    lacking = [s for s in wanted if s not in sets and s.partition(".")[0] not in [w for w in wanted if w != s]]
    found = [
        Finding(place_of(texts, class_id), f"{s!r} is missing", f"Add `{s} = ...`.", "completeness") for s in lacking
    ]
    if "contexts" in wanted and not (texts.key_parts and texts.key_parts[texts.position(class_id)]):
        found.append(
            Finding(place_of(texts, class_id), "'key_parts' is missing", "Add `key_parts = [...]`.", "completeness")
        )
    for word in ("noun", "verb"):
        if any(" " in text for text in sets.get(word, ())):
            problem = f"{word!r} must be one word, got {sets[word][0]!r}"
            found.append(Finding(place_of(texts, class_id, word), problem, "Take its head.", "form"))
    return found


def _sentences(texts: ClassTexts, class_id: int) -> list[Finding]:
    found = []
    sets = texts.by_class[texts.position(class_id)]
    for text_set in _SENTENCES:
        for sentence in sets.get(text_set, ()):
            limit, count = LONGEST[text_set.partition(".")[0]], len(sentence.split())
            if count > limit:
                problem = f"{text_set!r} has {count} words, {limit} are the limit"
                found.append(Finding(place_of(texts, class_id, text_set), problem, "Say it shorter.", "form"))
            if not (sentence[0].isupper() and sentence.endswith(".")):
                problem = f"{text_set!r} must be a sentence, from a capital to a full stop, got {sentence[:60]!r}"
                found.append(Finding(place_of(texts, class_id, text_set), problem, "Write a sentence.", "form"))
    return found


def _contexts(texts: ClassTexts, class_id: int, vocabulary: Collection[str]) -> list[Finding]:
    rows, name = texts.contexts_of(class_id), texts.names[texts.position(class_id)]
    found = []
    if len(rows) != CONTEXTS:
        problem = f"a class has {CONTEXTS} context descriptions, got {len(rows)}"
        found.append(Finding(place_of(texts, class_id, "contexts"), problem, "Add or remove rows.", "variety"))
    distinct = len({(c.environment, c.used_object, c.target_object, c.sub_action) for c in rows})
    if distinct < min(DISTINCT, len(rows)):
        problem = f"at least {DISTINCT} distinct triples of place, objects and sub-action are needed, got {distinct}"
        found.append(Finding(place_of(texts, class_id, "contexts"), problem, "Think of other situations.", "variety"))
    label = set(texts.sentences("label", class_id)) if "label" in texts.by_class[texts.position(class_id)] else set()
    for number, row in enumerate(rows, start=1):
        place = place_of(texts, class_id, "contexts", number)
        found += [Finding(place, *fault) for fault in _row_faults(row, {name, *label}, vocabulary, texts.edition)]
        if number > 1 and row in rows[: number - 1]:
            found.append(Finding(place, "the row occurs twice", "Replace one of them.", "variety"))
    return found


def _row_faults(
    row: Context, names: set[str], vocabulary: Collection[str], edition: Edition
) -> Iterable[tuple[str, str, str]]:
    """Problem, remedy and kind of each fault."""
    for slot in SLOTS:
        word = row.slot(slot)
        if word not in vocabulary:
            problem = f"{slot!r} must be one word of the language model's vocabulary, got {word!r}"
            remedy = f"Use a head noun that it knows in one piece, or {NOTHING!r} where there is no object."
            yield problem, remedy, "vocabulary"
        if word.casefold() in {n.casefold() for n in names}:
            yield f"{slot!r} repeats the class, {word!r}", "Name what is in the scene, not what is done.", "vocabulary"
    if row.environment == NOTHING:
        yield "'environment' is 'none'", "Everything is done somewhere: name a place.", "vocabulary"
    if row.sub_action.casefold() in {n.casefold() for n in names}:
        yield f"'sub_action' repeats the class, {row.sub_action!r}", "Say what is done more closely.", "vocabulary"
    if (count := len(context_sentence(row, edition).split())) > LONGEST["contexts"]:
        yield f"the sentence has {count} words, {LONGEST['contexts']} are the limit", "Say it shorter.", "form"


def _repeated(texts: ClassTexts) -> list[Finding]:
    """Sentences that two classes share, unless the file says that one is like the other."""
    found = []
    for text_set in ("definition", "motion"):
        owners = Counter(t for sets in texts.by_class for t in sets.get(text_set, ()))
        for class_id, sets in zip(texts.ids, texts.by_class, strict=True):
            twice = [t for t in sets.get(text_set, ()) if owners[t] > 1]
            if twice and not _is_like(texts, class_id):
                problem = f"{text_set!r} is the same for another class: {twice[0][:60]!r}"
                found.append(Finding(place_of(texts, class_id, text_set), problem, "Say what differs.", "variety"))
    return found


def _is_like(texts: ClassTexts, class_id: int) -> bool:
    """Whether a class shares its contexts with another on purpose."""
    mine = texts.contexts[texts.position(class_id)] if texts.contexts else ()
    return bool(mine) and sum(c == mine for c in texts.contexts) > 1


def syllables(word: str) -> int:
    """Syllables of an English word, counted as groups of vowels; a silent e at the end does not count."""
    groups = re.findall(r"[aeiouy]+", word.casefold())
    silent = len(groups) > 1 and re.search(r"[^aeiouy]e$", word.casefold()) and not word.casefold().endswith("le")
    return max(1, len(groups) - bool(silent))


def reading_ease(sentences: Iterable[str]) -> float:
    """Flesch's reading ease: above 60 plain English, below 30 hard to read [1].

    [1] Flesch, "A new readability yardstick", Journal of Applied Psychology 32, 1948.
    """
    texts = [re.findall(r"[A-Za-z']+", s) for s in sentences]
    words = [w for text in texts for w in text]
    if not words:
        return float("nan")
    return 206.835 - 1.015 * len(words) / len(texts) - 84.6 * sum(map(syllables, words)) / len(words)
