"""Masked prompts: the template, where slots stand, what a bank holds, and that unseen classes are not in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from zsar_kit.errors import ArtefactError, ConfigError, MissingModelError, TextError
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.context_request import USED_TITLES, ContextRequest
from zsar_kit.semantics.context_sentences import context_sentence
from zsar_kit.semantics.masked_language import MaskedLanguage, prompt
from zsar_kit.semantics.text_encoder import load_text_encoder
from zsar_kit.semantics.text_files import builtin_texts, load_texts
from zsar_kit.semantics.texts import BODY_PARTS, SLOTS, ClassTexts, Context

WORDS = ("environment", "used", "object", "target", ":", "|", "kitchen", "park", "cup", "ball", "none", "water", "wall")
ROWS = (
    (("kitchen", "hand", "cup", "drink", "water"), ("park", "arm", "cup", "lift", "water")),
    (("park", "foot", "ball", "kick against", "wall"), ("kitchen", "foot", "none", "kick", "ball")),
    (("park", "hand", "ball", "throw over", "wall"), ("park", "hand", "none", "climb", "wall")),
)


def texts(rows=ROWS) -> ClassTexts:
    contexts = tuple(tuple(Context(*row) for row in bank) for bank in rows)
    entries = tuple(
        {"name": (f"c{i}",), "contexts": tuple(context_sentence(c) for c in bank)} for i, bank in enumerate(contexts)
    )
    names = tuple(f"c{i}" for i in range(len(rows)))
    parts = tuple(("hand",) for _ in rows)
    return ClassTexts("toy", tuple(range(len(rows))), names, ("name", "contexts"), entries, "here", contexts, parts)


def save_bert(folder: Path, head: bool) -> Path:
    """A tiny BERT with random weights, with or without its head for masked words."""
    from transformers import BertConfig, BertForMaskedLM, BertModel, BertTokenizer

    vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "##s", "tea"])}
    BertTokenizer(vocab=vocabulary, model_max_length=32).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        (BertForMaskedLM if head else BertModel)(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def language(tmp_path_factory) -> MaskedLanguage:
    return MaskedLanguage(load_text_encoder(save_bert(tmp_path_factory.mktemp("mlm") / "with-head", head=True)))


@pytest.fixture(scope="module")
def bank(language) -> ContextBank:
    return ContextBank.build(texts(), (0, 1), language, ContextRequest(SLOTS))


def test_the_template_is_that_of_the_paper():
    words = {"environment": "office", "used_object": "pen", "target_object": "[MASK]"}
    assert prompt(words) == "Environment: office | Used object: pen | Target object: [MASK]"
    assert prompt({"target_object": "paper", "environment": "office"}) == "Environment: office | Target object: paper"


@pytest.mark.parametrize("name", builtin_texts())
def test_nothing_but_the_word_tells_one_prompt_from_another(name):
    """No article or preposition depends on a word: a prompt holds each slot's title and its one word, nothing else."""
    for title in USED_TITLES:
        titles = ("Environment", title, "Target object")
        for slot, word in {(s, row.slot(s)) for bank in load_texts(name).contexts for row in bank for s in SLOTS}:
            words = [word if s == slot else "[MASK]" for s in SLOTS]
            filled = prompt(dict(zip(SLOTS, words, strict=True)), title)
            assert filled.split(" | ") == [f"{t}: {w}" for t, w in zip(titles, words, strict=True)]


def test_the_released_title_of_the_used_object(language, bank):
    released = ContextRequest(SLOTS, used_title="Manipulable object")
    other = ContextBank.build(texts(), (0, 1), language, released)
    row = texts().contexts_of(0)[0]
    filled = f"Environment: [MASK] | Manipulable object: {row.used_object} | Target object: [MASK]"
    expected = language.encoder.encode([filled]).tokens[0].numpy()
    assert other.hidden[other.prompts[0, 0, 0b101]] == pytest.approx(expected, abs=1e-6)
    assert other.digest() != bank.digest()
    assert np.array_equal(other.words, bank.words)


def test_slots_stand_at_the_same_tokens_in_every_prompt(language):
    places = language.slot_places(SLOTS)
    ids = language.encoder.tokenizer(prompt(dict(zip(SLOTS, ("kitchen", "cup", "water"), strict=True))))["input_ids"]
    assert [language.encoder.tokenizer.convert_ids_to_tokens(ids[p]) for p in places] == ["kitchen", "cup", "water"]
    assert len(language.slot_places(("used_object",))) == 1


def test_whole_words_only_in_the_order_of_the_vocabulary(language):
    assert list(language.words) == [w for w in WORDS if w.isalpha()] + ["tea"]


def test_a_bank_holds_what_each_prompt_says(bank, language):
    """Slow oracle: each class, description and pattern filled, tokenised and encoded by itself."""
    for c in (0, 1):
        for d, row in enumerate(texts().contexts_of(c)):
            for pattern in range(1, 8):
                filled = {s: "[MASK]" if pattern >> i & 1 else row.slot(s) for i, s in enumerate(SLOTS)}
                expected = language.encoder.encode([prompt(filled)]).tokens[0].numpy()
                assert bank.hidden[bank.prompts[c, d, pattern]] == pytest.approx(expected, abs=1e-6)
            assert [bank.vocabulary[w] for w in bank.words[c, d]] == [row.slot(s) for s in SLOTS]
            assert BODY_PARTS[int(bank.body_parts[c, d].argmax())] == row.body_part
    assert (bank.prompts[..., 7] == 0).all()
    assert (bank.prompts[..., 0] == -1).all()
    assert len(bank.hidden) == len(set(bank.prompts[..., 1:].flatten().tolist()))
    assert bank.embedding == pytest.approx(language.embedding([language.words[w] for w in bank.vocabulary]).numpy())


def test_only_the_asked_classes_are_in_it(language):
    """Whatever an unseen class's contexts say, the bank of the others is the same."""
    changed = (*ROWS[:2], (("kitchen", "head", "water", "pour", "cup"), ("kitchen", "head", "wall", "paint", "ball")))
    one, other = (
        ContextBank.build(texts(rows), (0, 1), language, ContextRequest(SLOTS, vocabulary=1))
        for rows in (ROWS, changed)
    )
    assert one.digest() == other.digest()
    # Neither is a word that only an unseen class has a candidate by its being in the texts.
    assert set(one.vocabulary) == {row[i] for bank in ROWS[:2] for row in bank for i in (0, 2, 4)} | {"environment"}


def test_fewer_candidates_and_fewer_slots(language):
    small = ContextBank.build(texts(), (0, 1), language, ContextRequest(("used_object",), vocabulary=2))
    assert small.slots == ("used_object",)
    assert small.prompts.shape == (2, 2, 2)
    assert set(small.vocabulary) == {"environment", "used", "cup", "ball", "none"}


def test_slots_in_any_order_are_read_in_the_prompts(language, bank):
    turned = ContextBank.build(texts(), (0, 1), language, ContextRequest(SLOTS[::-1]))
    assert turned.slots == SLOTS
    assert turned.digest() == bank.digest()


def test_a_bank_with_a_head_is_not_kept_without_it(language, tmp_path):
    whole = ContextBank.build(texts(), (0, 1), language, ContextRequest(SLOTS, own_head=True))
    with pytest.raises(ArtefactError, match="own head"):
        whole.write(tmp_path / "bank")
    whole.for_inference().write(tmp_path / "bank")


def test_round_trip_and_what_recognition_needs(bank, tmp_path):
    kept = bank.for_inference()
    kept.write(tmp_path / "bank")
    read = ContextBank.read(tmp_path / "bank")
    assert read.digest() == kept.digest()
    assert len(read.hidden) == 1
    assert np.array_equal(read.hidden[0], bank.hidden[0])
    with pytest.raises(ArtefactError):
        ContextBank.read(tmp_path / "nowhere")


def test_the_models_own_head_gives_the_models_own_logits(language):
    from transformers import BertForMaskedLM

    from zsar_kit.models.skeleton_context.grounding import ContextDecoder

    bank = ContextBank.build(texts(), (0, 1), language, ContextRequest(SLOTS, own_head=True))
    decoder = ContextDecoder(16, torch.from_numpy(bank.embedding), generator=torch.Generator().manual_seed(0))
    decoder.load_state_dict({**decoder.state_dict(), **bank.head})
    decoder.norm.eps = 1e-12
    model = BertForMaskedLM.from_pretrained(language.encoder.model.config._name_or_path).eval()
    ids = language.encoder.tokenizer(prompt({s: "[MASK]" for s in SLOTS}), return_tensors="pt")
    with torch.no_grad():
        theirs = model(**ids).logits[0, bank.places]
        ours = decoder(torch.from_numpy(bank.hidden[0, bank.places]))
    columns = [language.words[w] for w in bank.vocabulary]
    assert ours.numpy() == pytest.approx(theirs[:, columns].numpy(), abs=1e-4)


def test_a_model_without_a_head_says_so_where_one_is_needed(tmp_path):
    bare = MaskedLanguage(load_text_encoder(save_bert(tmp_path / "bare", head=False)))
    with pytest.raises(MissingModelError, match=r"no pretrained head for masked words.*grounding.decoder = 'trained'"):
        ContextBank.build(texts(), (0, 1), bare, ContextRequest(SLOTS, own_head=True))


def test_bad_input_is_told(language, clip):
    with pytest.raises(ConfigError, match=r"some of the slots .* got \('place',\)"):
        language.slot_places(("place",))
    with pytest.raises(ConfigError, match="got \\(\\)"):
        language.slot_places(())
    pieces = ((("kitchen", "hand", "cups", "drink", "water"), ROWS[0][1]), *ROWS[1:])
    with pytest.raises(TextError, match=r"single word piece .*'cups' is \['cup', '##s'\].*here"):
        ContextBank.build(texts(pieces), (0, 1), language, ContextRequest(SLOTS))
    with pytest.raises(TextError, match=r"the same number of context descriptions, got \[1, 2\]"):
        ContextBank.build(texts((ROWS[0][:1], *ROWS[1:])), (0, 1), language, ContextRequest(SLOTS))
    with pytest.raises(MissingModelError, match="has no mask token"):
        MaskedLanguage(clip)


@pytest.mark.offline_lm
def test_the_offline_model_reads_the_kits_contexts(offline_encoder):
    from zsar_kit.semantics.text_files import load_texts

    bank = ContextBank.build(
        load_texts("nw_ucla"), (0, 1, 2), MaskedLanguage(offline_encoder), ContextRequest(SLOTS, vocabulary=100)
    )
    assert bank.hidden.shape[1:] == (15, 384)
    assert bank.mask.all()
    assert np.isfinite(bank.hidden).all()
    with pytest.raises(MissingModelError, match="no pretrained head"):
        MaskedLanguage(offline_encoder).own_head()


def test_shuffled_descriptions_come_once_in_each_order_of_their_words(language):
    plain = ContextBank.build(texts(), (0, 1), language, ContextRequest(SLOTS))
    shuffled = ContextBank.build(texts(), (0, 1), language, ContextRequest(SLOTS, shuffled=True))
    assert shuffled.words.shape == (2, 2 * 6, 3)
    assert shuffled.vocabulary == plain.vocabulary
    for c in range(2):
        for d in range(2):
            orders = {tuple(words) for words in shuffled.words[c, 6 * d : 6 * (d + 1)].tolist()}
            assert len(orders) == 6
            assert {tuple(sorted(words)) for words in orders} == {tuple(sorted(plain.words[c, d].tolist()))}
    # The visible words of a prompt are shuffled with the others: its states are those of the prompt so written.
    names = [shuffled.vocabulary[w] for w in shuffled.words[0, 1]]
    assert names != [plain.vocabulary[w] for w in plain.words[0, 0]]
    words = {**dict(zip(SLOTS, names, strict=True)), SLOTS[0]: language.mask_token}
    expected = language.encoder.encode([prompt(words)]).tokens[0].numpy()
    row = shuffled.prompts[0, 1, 0b001]
    np.testing.assert_allclose(shuffled.hidden[row][: len(expected)], expected, atol=1e-6)
    np.testing.assert_array_equal(shuffled.body_parts.any(1), plain.body_parts.any(1))
