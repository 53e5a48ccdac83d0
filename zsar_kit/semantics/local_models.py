"""Language models on this machine that write class texts: any causal model in Hugging Face format."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from zsar_kit.device import resolve_device
from zsar_kit.errors import MissingModelError
from zsar_kit.reprs import shortened
from zsar_kit.seeding import seeded_globally
from zsar_kit.semantics.model_files import first_line, locate_model, weight_files
from zsar_kit.semantics.prompts import Messages
from zsar_kit.semantics.text_encoder import quiet_transformers
from zsar_kit.semantics.text_models import Completion

_REMEDY = "Give the folder or the hub name of a causal language model that writes text, preferably a chat model."


class LocalModel:
    """A causal language model from a folder or the hub.

    Args:
        name_or_folder: a folder with ``config.json``, tokenizer and weights, or a hub name. Nothing is downloaded for
            a folder, or if the environment variable ``HF_HUB_OFFLINE`` is set.
        device: where it runs; see :func:`~zsar_kit.device.resolve_device`.

    Raises:
        MissingModelError: there is no such model, a file of it is missing or broken, it lacks weights (they would be
            random), or it is not a model that writes text.
        ConfigError: the device is unknown or not available.
    """

    retries = 0
    """A local model has no connection to lose."""

    def __init__(self, name_or_folder: str | Path, device: str = "auto"):
        place = resolve_device(device)
        try:
            folder, self.name = locate_model(name_or_folder)
        except MissingModelError as error:
            raise MissingModelError(error.problem, where=error.where, remedy=_REMEDY) from error.__cause__
        weight_files(folder)
        with quiet_transformers():
            self._model, self._tokenizer = _load(folder)
        self._model.to(place)
        self._folder = folder

    def __repr__(self) -> str:
        return f"LocalModel({shortened(self.name, 80)!r}, on {next(self._model.parameters()).device})"

    @torch.no_grad()
    def complete(
        self,
        messages: Messages,
        *,
        max_tokens: int,
        temperature: float,
        seed: int,
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        """The answer to a conversation: greedy at temperature 0, otherwise sampled, reproducibly for a seed.

        A schema is ignored.

        Raises:
            MissingModelError: the conversation exceeds the model's window, or memory runs out.
        """
        inputs = self._tokenized(messages)
        length = inputs["input_ids"].shape[1]
        window = getattr(self._model.config, "max_position_embeddings", None)
        room = max_tokens if window is None else min(max_tokens, window - length)
        if room < 1:
            raise MissingModelError(
                f"the question has {length} tokens, {self.name} reads {window}", where=self._folder, remedy=_REMEDY
            )
        options: dict[str, Any] = {"max_new_tokens": room, "do_sample": temperature > 0}
        if temperature > 0:
            options["temperature"] = temperature
        if self._tokenizer.pad_token_id is None:
            options["pad_token_id"] = self._tokenizer.eos_token_id
        draws = seeded_globally(seed, "class texts") if temperature > 0 else nullcontext()
        try:
            with quiet_transformers(), draws:
                output = self._model.generate(**inputs, **options)
        except RuntimeError as error:  # out of memory, or a kernel that the device lacks
            raise MissingModelError(
                f"{self.name} failed: {first_line(error)}", where=self._folder, remedy="Use another device or model."
            ) from error
        written = output[0, length:].tolist()
        text = self._tokenizer.decode(written, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Completion(text, length, len(written), len(written) >= room and written[-1] not in self._ends())

    def _tokenized(self, messages: Messages) -> dict[str, torch.Tensor]:
        """The conversation in the model's chat format, or as plain text if it has none."""
        if self._tokenizer.chat_template:
            inputs = self._tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
        else:
            text = "\n\n".join(message["content"] for message in messages) + "\n\n"
            inputs = self._tokenizer(text, return_tensors="pt", verbose=False)
        device = next(self._model.parameters()).device
        return {key: inputs[key].to(device) for key in ("input_ids", "attention_mask")}

    def _ends(self) -> set[int]:
        """Tokens at which the model stops."""
        ends = self._model.generation_config.eos_token_id
        return set(ends) if isinstance(ends, list) else {ends}


def _load(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer; the checkpoint must fill every weight."""
    # Imported here: it takes seconds, and most commands need no language model.
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        loader: Any = AutoModelForCausalLM
        model, report = loader.from_pretrained(folder, output_loading_info=True, dtype="auto", **options)
    except Exception as error:  # the loaders raise all kinds of errors; each means that the folder is at fault
        problem = f"the model cannot be loaded: {first_line(error)}"
        raise MissingModelError(problem, where=folder, remedy=_REMEDY) from error
    if faults := sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]])):
        raise MissingModelError(
            f"the checkpoint lacks weights of a model that writes, e.g. {faults[0]!r}; they would be random",
            where=folder,
            remedy=_REMEDY,
        )
    return model.eval(), tokenizer
