"""SkeletonContext's context reader: look up prompts, ground them in the skeleton, fill in masks (3.3.2-3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from zsar_kit.errors import ConfigError
from zsar_kit.methods.skeleton_context.config import GroundingConfig, MaskingConfig
from zsar_kit.models.skeleton_context.alignment import ProjectionHead
from zsar_kit.models.skeleton_context.grounding import (
    ContextDecoder,
    ContextGrounding,
    Grounded,
    GroundingShape,
    reconstruction_loss,
)
from zsar_kit.models.skeleton_context.masking import masked_slots, masking_ratio, slot_pattern
from zsar_kit.reprs import ShownByShape
from zsar_kit.semantics.context_bank import ContextBank


@dataclass(frozen=True)
class DrawnPrompts(ShownByShape):
    """Masked prompts of a batch.

    Attributes:
        rows: rows in the table of hidden states.
        masked: True where a slot is masked.
        targets: the true word of each slot, as a row of the vocabulary.
    """

    rows: Int[Tensor, " batch"]
    masked: Bool[Tensor, "batch slot"]
    targets: Int[Tensor, "batch slot"]


class ContextReader(nn.Module):
    """Grounding and decoder, with the bank of precomputed hidden states.

    Args:
        grounding: sizes and variants of Eq. 2-5.
        masking: how prompts are drawn in training.
        bank: encoded prompts of the seen classes; for inference the prompt with all slots masked is enough.
        width: width of the skeleton tokens.
        generator: source of the initial weights.
        project: projection of the skeleton tokens before grounding, which is then as wide as its result; ``None``
            leaves the projection to the alignment, and grounding is as wide as its settings say.

    Raises:
        ConfigError: the bank has the language model's own head, and grounding is not of its width.
    """

    hidden: Tensor
    mask: Tensor
    prompts: Tensor
    words: Tensor

    def __init__(
        self,
        grounding: GroundingConfig,
        masking: MaskingConfig,
        bank: ContextBank,
        width: int,
        generator: torch.Generator,
        project: ProjectionHead | None = None,
    ):
        super().__init__()
        self.masking, self.tokens = masking, grounding.tokens
        self.slots, self.vocabulary, self.places = bank.slots, bank.vocabulary, bank.places.tolist()
        text_dim = bank.hidden.shape[2]
        self.dim = grounding.dim if project is None else project.linear.out_features
        shape = GroundingShape(
            self.dim,
            grounding.heads,
            grounding.layers,
            grounding.hidden,
            grounding.shared_directions,
            grounding.dropout,
        )
        self.grounding = ContextGrounding(width, text_dim, shape, project=project, generator=generator)
        self.decoder = ContextDecoder(self.dim, torch.from_numpy(bank.embedding), generator=generator)
        if bank.head:
            if self.dim != text_dim:
                problem = f"the language model's own head needs grounding.dim = {text_dim}, got {self.dim}"
                raise ConfigError(problem, remedy=f"Set grounding.dim={text_dim}, or grounding.decoder='trained'.")
            own = {k: v.to(self.decoder.bias.device) for k, v in bank.head.items()}
            self.decoder.load_state_dict(self.decoder.state_dict() | own)
        # Looked up, not learnt, so checkpoints do not store them.
        for name in ("hidden", "mask", "prompts", "words"):
            self.register_buffer(name, torch.from_numpy(getattr(bank, name)), persistent=False)

    def draw(self, rows: Int[Tensor, " batch"], step: int, total: int, generator: torch.Generator) -> DrawnPrompts:
        """Draw descriptions and masks (section 3.3.2).

        Args:
            rows: position of each sample's class among the seen classes.
            step: the training step t.
            total: the last training step, at which all slots are masked unless the configuration sets another.
            generator: source of the random draws.
        """
        masking, (classes, descriptions, slots) = self.masking, self.words.shape
        device, count = rows.device, len(rows)
        options = {"generator": generator, "device": generator.device}
        per_class = masking.description == "class"
        drawn = torch.randint(descriptions, (classes if per_class else count,), **options).to(device)
        drawn = drawn[rows] if per_class else drawn
        if masking.description == "random_class":
            rows = torch.randint(classes, (count,), **options).to(device)
        ratio = masking_ratio(step, masking.total or total) if masking.progressive else 1.0
        masked = masked_slots(count, slots, ratio, generator).to(device)
        targets = self.words[rows, drawn]
        return DrawnPrompts(self.prompts[rows, drawn, slot_pattern(masked)], masked, targets)

    def forward(self, f_diff: Float[Tensor, "batch joint d"], rows: Int[Tensor, " batch"] | None = None) -> Grounded:
        """Skeleton and prompt slots after cross-attention; without ``rows`` all slots are masked."""
        tokens = f_diff if self.tokens == "joints" else f_diff.mean(1, keepdim=True)
        chosen = torch.zeros(len(f_diff), dtype=torch.long, device=f_diff.device) if rows is None else rows
        return self.grounding(tokens, self.hidden[chosen], self.mask[chosen], self.places)

    def alone(self, rows: Int[Tensor, " batch"]) -> Float[Tensor, "batch slot dim"]:
        """The prompt's slots from the language model alone, without a skeleton (warm-up)."""
        return self.grounding.from_text(self.hidden[rows][:, self.places])

    def reconstruction(self, at_slots: Float[Tensor, "batch slot dim"], drawn: DrawnPrompts) -> Float[Tensor, ""]:
        """L_ccr over the masked slots (Eq. 4)."""
        return reconstruction_loss(self.decoder(at_slots[drawn.masked]), drawn.targets[drawn.masked])

    def log_probabilities(self, at_slots: Float[Tensor, "batch slot dim"]) -> Float[Tensor, "batch slot word"]:
        """Log-probability of each word of the vocabulary in each slot."""
        return self.decoder(at_slots.flatten(0, 1)).log_softmax(-1).unflatten(0, at_slots.shape[:2])
