"""Text encoders Psi_text (Flora section 4.2): any Hugging Face text model, loaded strictly and deterministic.

A text a gives token features F_a ``[M_a, d_a]`` and a pooled feature f_a ``[d_a]``:

- CLIP text models: tokens are the final hidden states through the text projection, pooled is the projected
  end token (CLIP's text embedding). Tokens and pooled feature are thus in the space that CLIP
  compares with images, and the end token equals the pooled feature. Without the projection, by option, both are the
  text model's own states. The end token is the tokenizer's; what ``config.json`` calls ``eos_token_id`` is 2 in many
  CLIP folders, whatever the vocabulary.
- sentence-transformers folders (all-MiniLM, the offline default): tokens are the last hidden states, pooled
  is what the folder declares: mean or first token, scaled to unit length if it says so.
- other encoders (BERT and the like): tokens are the last hidden states, pooled is their mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from zsar_kit.artefacts import read_json
from zsar_kit.checkpoints import load_tensors, save_tensors
from zsar_kit.config import Config, digest_of
from zsar_kit.errors import ArtefactError, MissingModelError, TextError
from zsar_kit.reprs import shape_of, shortened
from zsar_kit.semantics.model_files import (
    OFFLINE,
    declared_pooling,
    first_line,
    locate_model,
    settings_digest,
    weight_files,
    weights_digest,
)

_CLIP = ("clip", "clip_text_model")
END_TOKEN, UNPROJECTED = "end token", "end token, not projected"
# These count positions from the padding id + 1, so that many rows of their tables are never used.
_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet", "data2vec-text")


@dataclass(frozen=True)
class LanguageRecord(Config):
    """The identity of a language model in provenance and in cache keys.

    Args:
        name: hub name, folder name, or the name given to an importer.
        weights: SHA-256 of the weight file, or of the names and digests of several.
        settings: twelve digits that identify tokenizer and configuration files; empty if unknown.
        width: d_a, the width of tokens and pooled features.
        max_tokens: longest text in tokens, special ones included; None if unlimited or unknown.
        pooling: how tokens become the pooled feature.
    """

    name: str
    weights: str
    settings: str
    width: int
    max_tokens: int | None
    pooling: str

    def __repr__(self) -> str:
        longest = "" if self.max_tokens is None else f"at most {self.max_tokens} tokens, "
        return (
            f"LanguageRecord({shortened(self.name, 40)!r}, width {self.width}, {longest}"
            f"pooling {shortened(self.pooling, 40)!r}, weights {self.weights[:12]!r})"
        )


@dataclass(frozen=True, eq=False)
class EncodedTexts:
    """Features of several texts, float32 on the CPU.

    Args:
        tokens: F_a of every text; zeros where ``mask`` is false.
        mask: true at tokens of the text, false at padding; the true ones come first.
        pooled: f_a of every text.
        padding: states where a text was padded to a fixed length, ``[text, place, d]``; zeros at tokens of the text.
    """

    tokens: Float[Tensor, "text token d"]
    mask: Bool[Tensor, "text token"]
    pooled: Float[Tensor, "text d"]
    padding: Float[Tensor, "text place d"] | None = None

    def __repr__(self) -> str:
        return f"EncodedTexts(tokens {shape_of(self.tokens)}, pooled {shape_of(self.pooled)})"


class TextEncoder:
    """A frozen text model; load one with :func:`load_text_encoder`.

    Args:
        model: a Hugging Face text model; it is put in evaluation mode.
        tokenizer: its tokenizer.
        record: its identity; ``record.pooling`` is what :meth:`encode` does.
    """

    def __init__(self, model: Any, tokenizer: Any, record: LanguageRecord):
        self.model, self.tokenizer, self.record = model.eval(), tokenizer, record

    def __repr__(self) -> str:
        return f"TextEncoder({self.record!r}, on {next(self.model.parameters()).device})"

    def encode(
        self,
        texts: Sequence[str],
        *,
        special_tokens: bool = True,
        truncate: bool = False,
        pad_to: int = 0,
        cache: str | Path | None = None,
    ) -> EncodedTexts:
        """Encode texts one by one, so that no feature depends, not even by rounding, on the other texts.

        Args:
            texts: the texts; none may be blank.
            special_tokens: keep start and end tokens among the token features, as Flora does. Pooled features do not
                change: the model was trained with these tokens in its pooling.
            truncate: cut texts longer than the model's window instead of refusing them.
            pad_to: pad every text to this many tokens, and return the model's states there too; 0 for no padding.
                Attention never reads padding, so the features of the text stay what they are.
            cache: folder of results, keyed by model, texts and options, but not by device.

        Raises:
            TextError: there is no text, or one is blank, too long for the model, or without a token; or the model's
                window is shorter than ``pad_to``.
        """
        if not texts:
            raise TextError("no text to encode")
        self._check_padding(pad_to, special_tokens)
        key = {
            # Schema 2: CLIP's end token is the tokenizer's.
            "schema": 2 if self._is_clip else 1,
            "model": self.record.to_dict(),
            "texts": list(texts),
            "options": [special_tokens, truncate, *([pad_to] if pad_to else [])],
        }
        path = None if cache is None else Path(cache) / f"texts-{digest_of(key)}.safetensors"
        if path is not None and (known := _read_cache(path, key)) is not None:
            return known
        token_ids = [self._tokenize(text, i, truncate) for i, text in enumerate(texts)]
        features = [self._encode_one(ids, special_tokens) for ids in token_ids]
        longest = max(1, *(len(tokens) for tokens, _ in features))
        tokens = torch.zeros(len(texts), longest, self.record.width)
        mask = torch.zeros(len(texts), longest, dtype=torch.bool)
        for i, (rows, _) in enumerate(features):
            tokens[i, : len(rows)], mask[i, : len(rows)] = rows, True
        if not mask.any(dim=1).all():
            empty = int((~mask.any(dim=1)).nonzero()[0])
            raise TextError(f"text {empty} ({texts[empty]!r}) has no token besides start and end")
        padding = torch.stack([self._at_padding(ids, pad_to) for ids in token_ids]) if pad_to else None
        encoded = EncodedTexts(tokens, mask, torch.stack([pooled for _, pooled in features]), padding)
        if path is not None:
            tensors = {"tokens": tokens, "mask": mask, "pooled": encoded.pooled}
            tensors |= {} if padding is None else {"padding": padding}
            save_tensors(path, tensors, key | {"content": _content_digest(tensors)})
        return encoded

    @property
    def _is_clip(self) -> bool:
        return self.record.pooling in (END_TOKEN, UNPROJECTED)

    def _check_padding(self, pad_to: int, special_tokens: bool) -> None:
        if pad_to and not special_tokens:
            raise TextError("padding stands after the end token, so it can't be kept without special tokens")
        if self.record.max_tokens is not None and pad_to > self.record.max_tokens:
            raise TextError(
                f"texts can't be padded to {pad_to} tokens, {self.record.name} reads at most {self.record.max_tokens}",
                where="pad_to",
            )

    def _tokenize(self, text: str, index: int, truncate: bool) -> dict[str, list[int]]:
        if not text.strip():
            raise TextError(f"text {index} is blank")
        options = {"padding": False, "return_special_tokens_mask": True, "verbose": False}
        # The tokenizer's own limit would cut texts in silence; `record.max_tokens` is the one limit everywhere.
        ids = self.tokenizer(text, truncation=False, **options)
        limit = self.record.max_tokens
        if limit is not None and len(ids["input_ids"]) > limit:
            if not truncate:
                raise TextError(
                    f"text {index} ({text[:60]!r}...) has {len(ids['input_ids'])} tokens, "
                    f"{self.record.name} reads at most {limit}",
                    remedy="Shorten the text, or pass truncate=True to cut its end.",
                )
            ids = self.tokenizer(text, truncation=True, max_length=limit, **options)
        return dict(ids)

    @torch.no_grad()
    def _encode_one(
        self, ids: dict[str, list[int]], special_tokens: bool
    ) -> tuple[Float[Tensor, "token d"], Float[Tensor, " d"]]:
        special = torch.tensor(ids["special_tokens_mask"], dtype=torch.bool)
        if special.all():
            hidden = torch.zeros(len(special), self.record.width)
            return hidden[:0], hidden.sum(0)
        hidden = self._states(ids)
        if self._is_clip:
            pooled = hidden[self._end_token(ids["input_ids"])]
        else:
            pooled = hidden[0] if self.record.pooling.startswith("first") else hidden.mean(dim=0)
        if self.record.pooling.endswith("unit length"):
            pooled = nn.functional.normalize(pooled, dim=0)
        tokens = hidden.cpu() if special_tokens else hidden.cpu()[~special]
        return tokens, pooled.cpu()

    @torch.no_grad()
    def _at_padding(self, ids: dict[str, list[int]], length: int) -> Float[Tensor, "{length} d"]:
        """States where a text is padded to a length; zeros at its own tokens."""
        own, missing = len(ids["input_ids"]), length - len(ids["input_ids"])
        result = torch.zeros(length, self.record.width)
        if missing > 0:
            fillers = {"input_ids": int(self.tokenizer.pad_token_id)}
            padded = {k: [*v, *[fillers.get(k, 0)] * missing] for k, v in ids.items()}
            padded["attention_mask"] = [1] * own + [0] * missing
            result[own:] = self._states(padded)[own:].cpu()
        return result

    def _states(self, ids: dict[str, list[int]]) -> Float[Tensor, "token d"]:
        """The last hidden states, through the text projection where the record says so."""
        device = next(self.model.parameters()).device
        inputs = {k: torch.tensor([v], device=device) for k, v in ids.items() if k != "special_tokens_mask"}
        hidden = self.model(**inputs).last_hidden_state[0].float()
        return self.model.text_projection(hidden) if self.record.pooling == END_TOKEN else hidden

    def _end_token(self, ids: list[int]) -> int:
        """Place of the tokenizer's end token.

        Raises:
            MissingModelError: the tokenizer adds none.
        """
        end = self.tokenizer.eos_token_id
        if end is None or end not in ids[1:]:
            raise MissingModelError(
                f"the tokenizer of {self.record.name} ends a text without an end token, where CLIP's feature is read",
                where="tokenizer",
                remedy="Copy the whole model folder, special_tokens_map.json included.",
            )
        return ids.index(end, 1)


def load_text_encoder(
    name_or_folder: str | Path = OFFLINE, device: str | torch.device = "cpu", *, projected: bool = True
) -> TextEncoder:
    """Load a text model from a folder, the offline default, or the Hugging Face hub.

    Args:
        name_or_folder: ``"offline"``, a folder with ``config.json``, tokenizer and weights, or a hub name
            such as ``"openai/clip-vit-large-patch14-336"``. Nothing is downloaded for a folder, or if
            the environment variable ``HF_HUB_OFFLINE`` is set.
        device: where the model runs; features are returned on the CPU.
        projected: whether states of CLIP go through its text projection; other models have none.

    Raises:
        MissingModelError: there is no such model, a file of it is missing or broken, it lacks weights (they
            would be random), or it is not a text encoder.
    """
    folder, name = locate_model(name_or_folder)
    weights = weight_files(folder)
    with quiet_transformers():
        model, tokenizer, pooling = _load(folder)
    if pooling == END_TOKEN and not projected:
        pooling = UNPROJECTED
    record = LanguageRecord(
        name=name,
        weights=weights_digest(weights),
        settings=settings_digest(folder),
        width=_width(model, pooling),
        max_tokens=_window(folder, model, tokenizer),
        pooling=pooling,
    )
    return TextEncoder(model.to(device), tokenizer, record)


def _load(folder: Path) -> tuple[Any, Any, str]:
    """Model, tokenizer and pooling rule; the checkpoint must fill every weight that is used."""
    try:
        model, tokenizer, report, is_clip = _read(folder)
    except MissingModelError:
        raise
    except Exception as error:  # the loaders raise all kinds of errors; each means that the folder is at fault
        raise MissingModelError(
            f"the text model cannot be loaded: {first_line(error)}",
            where=folder,
            remedy="Fetch the folder again.",
        ) from error
    missing = {k for k in report["missing_keys"] if not k.startswith("pooler.")}
    if is_clip and missing == {"text_projection.weight"}:  # a text tower saved without its projection
        model.text_projection, missing = nn.Identity(), set()
    if faults := sorted(missing) + sorted(str(k) for k in report["mismatched_keys"]):
        raise MissingModelError(
            f"the checkpoint lacks weights of the model, or has them in other shapes, e.g. {faults[0]!r}; "
            "they would be random",
            where=folder,
            remedy="Copy the whole model folder.",
        )
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise MissingModelError(f"the tokenizer has {len(tokenizer)} tokens, the model {rows}", where=folder)
    return model, tokenizer, END_TOKEN if is_clip else declared_pooling(folder)


def _read(folder: Path) -> tuple[Any, Any, dict[str, Any], bool]:
    """Model, tokenizer, the loader's report, and whether the model is CLIP's."""
    # Imported here: it takes seconds, and most commands need no language model.
    from transformers import AutoConfig, AutoModel, AutoTokenizer, CLIPTextModelWithProjection

    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    config = AutoConfig.from_pretrained(folder, **options)
    is_clip = config.model_type in _CLIP
    if not is_clip and (hasattr(config, "text_config") or config.is_encoder_decoder):
        raise MissingModelError(
            f"a model of type {config.model_type!r} is neither a CLIP text model nor a plain encoder",
            where=folder,
            remedy="Use its text encoder alone, or another model.",
        )
    tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    loader: Any = CLIPTextModelWithProjection if is_clip else AutoModel
    # float32 whatever the file has: half precision rounds differently from machine to machine.
    model, report = loader.from_pretrained(folder, output_loading_info=True, dtype=torch.float32, **options)
    return model, tokenizer, report, is_clip


def _width(model: Any, pooling: str) -> int:
    projection = getattr(model, "text_projection", None)
    if isinstance(projection, nn.Linear) and pooling == END_TOKEN:
        return projection.out_features
    return int(model.config.hidden_size)


def _window(folder: Path, model: Any, tokenizer: Any) -> int | None:
    """The longest text in tokens: the smallest limit of model, tokenizer and sentence model.

    For all-MiniLM-L6-v2 it is the sentence model's ``max_seq_length`` of 256; its positions reach 512. The cut that
    ``tokenizer.json`` may carry (128 there) is never applied.
    """
    config = model.config
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and config.model_type in _OFFSET_POSITIONS:
        positions -= int(config.pad_token_id) + 1
    limits = [positions, tokenizer.model_max_length]
    if (folder / "sentence_bert_config.json").is_file():
        limits.append(read_json(folder / "sentence_bert_config.json").get("max_seq_length"))
    # A tokenizer without a limit says 1e30.
    known = [int(limit) for limit in limits if limit is not None and 0 < limit < 1e9]
    return min(known, default=None)


def _read_cache(path: Path, key: dict[str, Any]) -> EncodedTexts | None:
    """The stored result, or None if there is none; a damaged file counts as none and is overwritten."""
    if not path.is_file():
        return None
    try:
        tensors, stored = load_tensors(path)
    except ArtefactError:
        return None
    if not {"tokens", "mask", "pooled"} <= set(tensors) or stored != key | {"content": _content_digest(tensors)}:
        return None
    return EncodedTexts(tensors["tokens"], tensors["mask"], tensors["pooled"], tensors.get("padding"))


def _content_digest(tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence load reports and progress bars; :func:`_load` checks what matters in them."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
