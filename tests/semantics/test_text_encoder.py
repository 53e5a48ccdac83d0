"""Text encoders: pooling as defined, independence of neighbours and padding, strict loading, cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize

from zsar_kit.checkpoints import load_tensors, save_tensors
from zsar_kit.errors import MissingModelError, TextError
from zsar_kit.semantics.text_encoder import TextEncoder, load_text_encoder

SHORT, LONG = "the right arm rises", "the left hand lowers and the head turns once"


def copied(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target / folder.name))


@pytest.fixture(params=["bert", "clip"])
def encoder(request: pytest.FixtureRequest) -> TextEncoder:
    return request.getfixturevalue(request.param)


def texts_for(encoder: TextEncoder) -> tuple[str, str]:
    return (SHORT, LONG) if encoder.record.name == "tiny-bert" else ("arm", "an arm bow")


def test_shapes_types_and_mask(bert: TextEncoder):
    encoded = bert.encode([SHORT, LONG])
    assert bert.record.width == 16
    assert encoded.tokens.shape == (2, 11, 16)  # nine words, start and end
    assert encoded.mask.sum(dim=1).tolist() == [6, 11]
    assert encoded.mask[0].tolist() == [True] * 6 + [False] * 5
    assert encoded.tokens[~encoded.mask].abs().max() == 0
    assert encoded.tokens.dtype == encoded.pooled.dtype == torch.float32


def test_features_do_not_depend_on_the_batch_by_a_single_bit(encoder: TextEncoder):
    short, long = texts_for(encoder)
    alone, together = encoder.encode([short]), encoder.encode([long, short, long])
    length = alone.tokens.shape[1]
    assert together.tokens.shape[1] > length
    assert torch.equal(together.tokens[1, :length], alone.tokens[0])
    assert torch.equal(together.pooled[1], alone.pooled[0])
    assert torch.equal(together.tokens[0], together.tokens[2])


def test_features_equal_a_padded_batch_with_attention_mask(encoder: TextEncoder):
    """The oracle pads, masks and pools in one batch, as transformers' users do."""
    texts = list(texts_for(encoder))
    inputs = encoder.tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        output = encoder.model(**inputs)
    if encoder.record.pooling == "end token":
        pooled = output.text_embeds
    else:
        weights = inputs["attention_mask"][..., None].float()
        pooled = (output.last_hidden_state * weights).sum(1) / weights.sum(1)
    torch.testing.assert_close(encoder.encode(texts).pooled, pooled, atol=1e-5, rtol=1e-4)


def test_mean_pooling_is_the_mean_of_the_valid_tokens(bert: TextEncoder):
    encoded = bert.encode([SHORT, LONG])
    assert bert.record.pooling == "mean"
    for tokens, mask, pooled in zip(encoded.tokens, encoded.mask, encoded.pooled, strict=True):
        torch.testing.assert_close(tokens[mask].mean(dim=0), pooled)


def test_clip_pooled_is_the_end_token_in_the_projected_space(clip: TextEncoder):
    encoded = clip.encode(["arm", "an arm bow"])
    assert (clip.record.width, clip.record.pooling, clip.record.max_tokens) == (8, "end token", 10)
    last = encoded.mask.sum(dim=1) - 1
    torch.testing.assert_close(encoded.tokens[torch.arange(2), last], encoded.pooled)


def test_a_clip_tower_without_projection_keeps_its_own_width(clip_folder: Path, tmp_path: Path):
    folder = copied(clip_folder, tmp_path)
    tensors, _ = load_tensors(folder / "model.safetensors")
    del tensors["text_projection.weight"]
    save_tensors(folder / "model.safetensors", tensors)
    tower = load_text_encoder(folder)
    encoded = tower.encode(["arm"])
    assert tower.record.width == 16
    assert torch.equal(encoded.tokens[0, -1], encoded.pooled[0])


def changed_config(folder: Path, target: Path, **text: object) -> Path:
    """A copy of a CLIP folder whose text configuration has other values."""
    folder = copied(folder, target)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= text
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("eos", [2, 26, 0])
def test_clip_ends_where_its_tokenizer_ends_whatever_the_config_says(
    clip: TextEncoder, clip_folder: Path, tmp_path: Path, eos: int
):
    """2 is what old CLIP configurations say; 26 ("a</w>") stands in the text; 0 ("a") does not stand in it."""
    other = load_text_encoder(changed_config(clip_folder, tmp_path, eos_token_id=eos))
    texts = ["arm", "an arm a bow"]
    encoded, expected = other.encode(texts), clip.encode(texts)
    assert torch.equal(encoded.pooled, expected.pooled)
    for i, text in enumerate(texts):
        ids = clip.tokenizer(text)["input_ids"]
        assert ids[-1] == clip.tokenizer.eos_token_id
        torch.testing.assert_close(encoded.pooled[i], encoded.tokens[i, len(ids) - 1])


def test_a_clip_tokenizer_without_end_token_is_refused(clip: TextEncoder):
    class Endless:
        """The tokenizer, which names another token as its end."""

        eos_token_id = 1

        def __call__(self, text: str, **options: object) -> dict[str, list[int]]:
            return clip.tokenizer(text, **options)

    with pytest.raises(MissingModelError, match=r"ends a text without an end token.*special_tokens_map"):
        TextEncoder(clip.model, Endless(), clip.record).encode(["arm"])


def test_clip_without_its_projection_gives_the_states_that_are_projected(clip: TextEncoder, clip_folder: Path):
    raw = load_text_encoder(clip_folder, projected=False)
    assert (raw.record.width, raw.record.pooling) == (16, "end token, not projected")
    plain, projected = raw.encode(["an arm bow"]), clip.encode(["an arm bow"])
    torch.testing.assert_close(clip.model.text_projection(plain.tokens), projected.tokens)
    torch.testing.assert_close(clip.model.text_projection(plain.pooled), projected.pooled)


def test_states_at_padding_are_those_of_a_padded_call(encoder: TextEncoder):
    """Transformers' own call with padding to a length is the oracle; the text's features stay what they were."""
    texts = list(texts_for(encoder))
    encoded, plain = encoder.encode(texts, pad_to=10), encoder.encode(texts)
    assert torch.equal(encoded.tokens, plain.tokens)
    assert torch.equal(encoded.pooled, plain.pooled)
    assert plain.padding is None
    assert encoded.padding.shape == (2, 10, encoder.record.width)
    inputs = encoder.tokenizer(texts[0], padding="max_length", max_length=10, return_tensors="pt")
    with torch.no_grad():
        hidden = encoder.model(**inputs).last_hidden_state[0]
        hidden = encoder.model.text_projection(hidden) if encoder.record.pooling == "end token" else hidden
    own = int(encoded.mask[0].sum())
    assert own < 10
    torch.testing.assert_close(encoded.padding[0, own:], hidden[own:], atol=1e-5, rtol=1e-4)
    assert (encoded.padding[0, :own] == 0).all()


def test_padding_must_fit_the_window_and_follow_an_end_token(bert: TextEncoder):
    with pytest.raises(TextError, match="can't be padded to 13 tokens, tiny-bert reads at most 12"):
        bert.encode([SHORT], pad_to=13)
    with pytest.raises(TextError, match="can't be kept without special tokens"):
        bert.encode([SHORT], pad_to=12, special_tokens=False)


def test_without_special_tokens_only_the_token_features_shrink(encoder: TextEncoder):
    texts = list(texts_for(encoder))
    full, words = encoder.encode(texts), encoder.encode(texts, special_tokens=False)
    assert torch.equal(words.mask.sum(1), full.mask.sum(1) - 2)
    assert torch.equal(words.pooled, full.pooled)
    for i in range(2):
        assert torch.equal(words.tokens[i][words.mask[i]], full.tokens[i][full.mask[i]][1:-1])


def test_a_text_without_words_has_no_token_left(bert: TextEncoder):
    for special_tokens in (True, False):
        with pytest.raises(TextError, match=r"text 1 .* has no token besides start and end"):
            bert.encode([SHORT, "\u200b"], special_tokens=special_tokens)


def test_encoding_draws_no_random_number_and_keeps_no_gradient(bert: TextEncoder):
    state = torch.random.get_rng_state()
    first, second = bert.encode([SHORT]), bert.encode([SHORT])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first.tokens, second.tokens)
    assert not first.pooled.requires_grad


def test_a_text_beyond_the_window_is_refused_or_cut(bert: TextEncoder):
    too_long = f"{LONG} and the leg bends"
    with pytest.raises(TextError, match=r"text 1 .* has 15 tokens, tiny-bert reads at most 12.*truncate=True"):
        bert.encode([SHORT, too_long])
    cut = bert.encode([too_long], truncate=True)
    assert cut.mask.sum() == 12
    assert torch.equal(cut.pooled, bert.encode([f"{LONG} and"]).pooled)


@pytest.mark.parametrize(("texts", "message"), [([], "no text to encode"), ([SHORT, " \n"], "text 1 is blank")])
def test_nothing_to_encode_is_refused(bert: TextEncoder, texts: list[str], message: str):
    with pytest.raises(TextError, match=message):
        bert.encode(texts)


def test_a_cache_hit_equals_and_runs_no_model(bert: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = bert.encode([SHORT, LONG], cache=tmp_path)
    monkeypatch.setattr(bert, "model", None)
    again = bert.encode([SHORT, LONG], cache=tmp_path)
    assert torch.equal(first.tokens, again.tokens)
    assert torch.equal(first.mask, again.mask)
    assert torch.equal(first.pooled, again.pooled)


def test_the_cache_tells_apart_texts_order_options_and_models(bert: TextEncoder, clip: TextEncoder, tmp_path: Path):
    bert.encode(["arm", "leg"], cache=tmp_path)
    bert.encode(["leg", "arm"], cache=tmp_path)
    bert.encode(["arm", "leg"], special_tokens=False, cache=tmp_path)
    clip.encode(["arm", "leg"], cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_damaged_cache_file_is_made_again(bert: TextEncoder, tmp_path: Path):
    first = bert.encode([SHORT], cache=tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    assert torch.equal(bert.encode([SHORT], cache=tmp_path).tokens, first.tokens)
    assert path.read_bytes() == whole


def test_the_record_identifies_weights_and_settings(bert: TextEncoder, bert_folder: Path, tmp_path: Path):
    folder = copied(bert_folder, tmp_path)
    assert load_text_encoder(folder).record == bert.record
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 9}))
    changed = load_text_encoder(folder).record
    assert (changed.weights, changed.max_tokens) == (bert.record.weights, 9)
    assert changed.settings != bert.record.settings


def sentence_model(folder: Path, pooling: dict[str, object], *kinds: str) -> Path:
    modules = [{"type": f"sentence_transformers.models.{k}", "path": f"{i}_{k}"} for i, k in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


@pytest.mark.parametrize("rule", [{"pooling_mode_cls_token": True}, {"pooling_mode": "cls"}])
def test_sentence_models_declare_their_pooling(bert_folder: Path, tmp_path: Path, rule: dict[str, object]):
    folder = sentence_model(copied(bert_folder, tmp_path), rule, "Transformer", "Pooling", "Normalize")
    encoder = load_text_encoder(folder)
    encoded = encoder.encode([SHORT])
    assert encoder.record.pooling == "first token, unit length"
    torch.testing.assert_close(encoded.pooled, normalize(encoded.tokens[:, 0], dim=1))


@pytest.mark.parametrize(
    ("rule", "kinds", "message"),
    [
        ({"pooling_mode_max_tokens": True}, ("Transformer", "Pooling"), r"the pooling \['max'\]"),
        ({"pooling_mode_mean_tokens": True}, ("Transformer", "Pooling", "Dense"), "the module 'Dense'"),
    ],
)
def test_sentence_models_with_more_than_is_supported_are_refused(
    bert_folder: Path, tmp_path: Path, rule: dict[str, object], kinds: tuple[str, ...], message: str
):
    folder = sentence_model(copied(bert_folder, tmp_path), rule, *kinds)
    with pytest.raises(MissingModelError, match=f"{message} of this sentence model is not supported"):
        load_text_encoder(folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", "not a text model: no config.json"),
        ("tokenizer.json", "not a text model: no tokenizer"),
        ("model.safetensors", "not a text model: no weights"),
    ],
)
def test_a_folder_with_a_file_missing_is_refused(bert_folder: Path, tmp_path: Path, name: str, message: str):
    folder = copied(bert_folder, tmp_path)
    (folder / name).unlink()
    with pytest.raises(MissingModelError, match=message):
        load_text_encoder(folder)


def test_weights_that_would_be_random_are_refused(bert_folder: Path, tmp_path: Path):
    folder = copied(bert_folder, tmp_path)
    tensors, _ = load_tensors(folder / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.weight"]
    save_tensors(folder / "model.safetensors", tensors)
    with pytest.raises(MissingModelError, match=r"lacks weights .*'encoder.layer.1.output.dense.weight'"):
        load_text_encoder(folder)


def test_truncated_weights_are_refused(bert_folder: Path, tmp_path: Path):
    folder = copied(bert_folder, tmp_path)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MissingModelError, match="cannot be loaded"):
        load_text_encoder(folder)


def test_a_model_that_is_no_text_encoder_is_refused(bert_folder: Path, tmp_path: Path):
    folder = copied(bert_folder, tmp_path)
    (folder / "config.json").write_text(json.dumps({"model_type": "t5", "is_encoder_decoder": True}))
    with pytest.raises(MissingModelError, match="'t5' is neither a CLIP text model nor a plain encoder"):
        load_text_encoder(folder)


@pytest.mark.parametrize("name", ["./absent", "/absent/model", "a/b/c"])
def test_an_absent_folder_is_told_without_asking_the_hub(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", None)
    with pytest.raises(MissingModelError, match=f"no folder '{name}' .*\"offline\""):
        load_text_encoder(name)


def test_offline_variable_forbids_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MissingModelError, match="HF_HUB_OFFLINE is set and it is not in the local cache"):
        load_text_encoder("zsar-kit/no-such-model")


def test_an_unreachable_hub_is_one_clear_error(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> str:
        raise ConnectionError("no route to host\nlong details")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(MissingModelError, match=r"'some/model' could not be fetched .*no route to host\. Check"):
        load_text_encoder("some/model")


def test_a_hub_model_is_the_model_in_its_folder(bert: TextEncoder, bert_folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **_: str(bert_folder))
    hub = load_text_encoder("some/tiny-bert")
    assert (hub.record.name, hub.record.weights) == ("some/tiny-bert", bert.record.weights)
    assert torch.equal(hub.encode([SHORT]).pooled, bert.encode([SHORT]).pooled)


@pytest.mark.offline_lm
def test_offline_model_gives_unit_vectors_of_known_width(offline_encoder: TextEncoder):
    encoded = offline_encoder.encode(["waving the right hand", "The torso leans forward once and the head lowers."])
    record = offline_encoder.record
    assert (record.name, record.width, record.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    assert record.pooling == "mean, unit length"
    torch.testing.assert_close(encoded.pooled.norm(dim=1), torch.ones(2))
    means = torch.stack([t[m].mean(0) for t, m in zip(encoded.tokens, encoded.mask, strict=True)])
    torch.testing.assert_close(encoded.pooled, normalize(means, dim=1))


@pytest.mark.offline_lm
def test_offline_model_reads_its_whole_window(offline_encoder: TextEncoder):
    """Of its three limits, 128 in tokenizer.json, 256 of the sentence model, 512 positions, 256 holds everywhere."""
    assert offline_encoder.encode(["arm " * 200]).mask.sum() == 202
    assert offline_encoder.encode(["arm " * 254]).mask.sum() == 256
    with pytest.raises(TextError, match="has 257 tokens, all-MiniLM-L6-v2 reads at most 256"):
        offline_encoder.encode(["arm " * 255])
    cut, whole = offline_encoder.encode(["arm " * 400], truncate=True), offline_encoder.encode(["arm " * 254])
    assert torch.equal(cut.tokens, whole.tokens)
    with pytest.raises(TextError, match="can't be padded to 300 tokens"):
        offline_encoder.encode(["arm"], pad_to=300)


@pytest.mark.offline_lm
def test_offline_model_knows_which_sentences_are_alike(offline_encoder: TextEncoder):
    pooled = offline_encoder.encode(
        [
            "A person waves a hand to say hello.",
            "Someone greets another by waving.",
            "A person kicks a ball with the foot.",
            "Someone strikes a football with a leg.",
        ]
    ).pooled
    alike = [cosine_similarity(pooled[i], pooled[i + 1], dim=0) for i in (0, 2)]
    apart = [cosine_similarity(pooled[i], pooled[j], dim=0) for i in (0, 1) for j in (2, 3)]
    assert min(alike) > max(apart) + 0.1
