"""One training step of SkeletonContext against the same step as the released code arranges it.

The released code runs its frozen parts inside the step: Shift-GCN on raw clips and the language model on the masked
prompts. It processes whole prompts and computes vocabulary logits at every token, although its loss uses the masked
ones only. The kit reads cached float16 maps and hidden states, processes a prompt's slots, and computes logits at
masked places only.

``ratio``, the main result, is against a plain Shift-GCN as the released code runs it, see ``benchmarks/shift_gcn.py``:
channel by channel, with gathered indices along time (the released code has a CUDA kernel there), with the kit's
weights. ``ratio_with_our_encoder`` uses the kit's own, faster Shift-GCN instead.

In all other respects the comparison favours the reference. One method object serves all sides, so learnt modules,
weights, optimiser, prompts and vocabulary (all 30 522 pieces) are the same, and losses and gradients must agree. The
reference encodes prompts in one batch and does not have to read and prepare clips. All slots are masked, the most
expensive case for the kit. The sides alternate in one run on one thread; medians are compared, of at most two steps
with the slow plain encoder. There are eight seen classes; 55 would add hundredths of a second for their encoding. What
the kit encodes once in advance is not timed.

``--sizes paper`` has BERT-base's sizes with random weights, so that no model hub is needed; time does not depend on the
weights. ``--sizes offline`` has the offline default model. ``--bf16`` adds the kit's step under autocast to bfloat16.

Memory: a fresh process trains some steps from a memory-mapped file of 512 and of 4096 samples. Its peak includes pages
of the file, which the system can reclaim at any time; the result is therefore given with and without them.

``python -m benchmarks.skeleton_context_step`` prints one JSON record. It fails unless maps agree to ``1e-4``, losses
and gradients to ``1e-3``, and ``ratio`` in float32 reaches ``--required`` (6 at the paper's sizes, 10 at offline
sizes).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.shift_gcn import plain_block, plain_norm, worst_difference
from zsar_kit.encoders.shift_gcn import STRIDES, ShiftGCN, ShiftGCNConfig
from zsar_kit.methods.base import Batch, StepOutput
from zsar_kit.methods.skeleton_context import SkeletonContext
from zsar_kit.methods.skeleton_context.config import presets
from zsar_kit.methods.task import MapRows, Task, TrainingSet
from zsar_kit.models.skeleton_context.alignment import alignment_loss
from zsar_kit.models.skeleton_context.joint_differences import pool_time
from zsar_kit.models.skeleton_context.key_parts import key_part_loss
from zsar_kit.seeding import seeded_initialisation, torch_generator
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.context_request import ContextRequest
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.masked_language import MaskedLanguage, prompt
from zsar_kit.semantics.text_encoder import LanguageRecord, TextEncoder, load_text_encoder
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.semantics.texts import SLOTS, ClassTexts

BATCH, CLIP, MAP = 64, (2, 64, 25, 3), (16, 25, 256)
CLASSES, SAMPLES, MORE, SETS = 8, 512, 8, ("contexts", "motion")
TOLERANCES, PLAIN_REPEATS = {"maps": 1e-4, "losses": 1e-3, "gradients": 1e-3}, 2
WIDTHS, REQUIRED = {"paper": 768, "offline": 384}, {"paper": 6.0, "offline": 10.0}


class Stages:
    """Seconds of the stages of each step of one side."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def end(self, stage: str | None) -> None:
        """End a stage and start the next one; ``None`` starts a step."""
        now = time.perf_counter()
        if stage is not None:
            self.seconds.setdefault(stage, []).append(now - self.begun)
        self.begun = now

    def medians(self) -> dict[str, float]:
        """Median seconds of the stages and of the whole step."""
        steps = [sum(stages) for stages in zip(*self.seconds.values(), strict=True)]
        return {f"{name}, s": round(median(values), 4) for name, values in (self.seconds | {"step": steps}).items()}


@dataclass(frozen=True)
class World:
    """Shared data of both sides: weights, texts, and a batch as clips and as their maps, exact and cached."""

    method: SkeletonContext
    encoder: ShiftGCN
    language: TextEncoder
    prompts: list[str]
    clips: Tensor
    maps: Tensor
    training: TrainingSet


def language_model(sizes: str) -> TextEncoder:
    """The offline default; at the paper's sizes its tokenizer with a random BERT-base."""
    offline = load_text_encoder()
    if sizes == "offline":
        return offline
    from transformers import BertConfig, BertModel

    with seeded_initialisation(0, "BERT-base"):
        model = BertModel(BertConfig(), add_pooling_layer=False)
    record = LanguageRecord("BERT-base's sizes, random weights", "random", "", WIDTHS[sizes], 512, "mean")
    return TextEncoder(model, offline.tokenizer, record)


def whole_vocabulary(bank: ContextBank, language: MaskedLanguage) -> ContextBank:
    """The bank with all word pieces as candidates, including parts of words and punctuation, as released."""
    ids = np.array([language.words[word] for word in bank.vocabulary])
    every = list(range(len(language.encoder.tokenizer)))
    pieces = tuple(language.encoder.tokenizer.convert_ids_to_tokens(every))
    return replace(bank, vocabulary=pieces, words=ids[bank.words], embedding=language.embedding(every).numpy())


def prompts_of(bank: ContextBank, texts: ClassTexts, mask_token: str) -> list[str]:
    """The masked prompts as text, one per row of the bank's hidden states."""
    found = [""] * len(bank.hidden)
    for c, class_id in enumerate(bank.class_ids):
        for d, context in enumerate(texts.contexts_of(class_id)):
            for pattern in range(1, 2 ** len(SLOTS)):
                words = {s: mask_token if pattern >> i & 1 else context.slot(s) for i, s in enumerate(SLOTS)}
                found[bank.prompts[c, d, pattern]] = prompt(words)
    return found


def build(sizes: str, folder: Path) -> World:
    """Random weights and clips, and the kit's texts; bank, semantics and maps are written to the folder."""
    every, encoder = load_texts("ntu60"), language_model(sizes)
    per_class = ("ids", "names", "entries", "contexts", "key_parts", "spots")
    texts = replace(every, **{name: getattr(every, name)[:CLASSES] for name in per_class})
    language = MaskedLanguage(encoder)
    bank = whole_vocabulary(ContextBank.build(texts, texts.ids, language, ContextRequest(SLOTS)), language)
    bank.write(folder / "bank")
    for name in SETS:
        Semantics.build(texts, name, encoder).write(folder / name)
    gcn = ShiftGCN(ShiftGCNConfig(classes=60), torch_generator(0, "Shift-GCN")).eval()
    clips = torch.randn(BATCH, *CLIP, generator=torch_generator(0, "clips"))
    with torch.no_grad():
        maps = gcn(clips, maps=True).maps
    np.save(folder / "batch.npy", maps.numpy().astype(np.float16))
    training = read_training(folder, "batch.npy")
    method, prompts = make_method(sizes, training), prompts_of(bank, texts, language.mask_token)
    return World(method, gcn, encoder, prompts, clips, maps, training)


def read_training(folder: Path, maps: str) -> TrainingSet:
    """The training set, read as in a run."""
    views, bank = (np.load(folder / maps, mmap_mode="r"),), ContextBank.read(folder / "bank")
    rows = np.arange(len(views[0]))
    labels = np.array(bank.class_ids)[rows % CLASSES]
    semantics = {name: Semantics.read(folder / name) for name in SETS}
    features = MapRows(views, rows)
    return TrainingSet(features, labels, Task(features.shape[1:], bank.class_ids, semantics, bank))


def make_method(sizes: str, training: TrainingSet) -> SkeletonContext:
    """The paper's preset, as wide as the language model."""
    width = WIDTHS[sizes]
    config = presets()["paper"].override({"grounding.dim": width, "grounding.heads": 12, "space.dim": width})
    method = SkeletonContext(config, training.task, torch_generator(0, "initialisation"))
    method.observe(training)
    return method.train()


def read_batch(training: TrainingSet, positions: np.ndarray) -> Batch:
    return Batch(torch.from_numpy(training.features.take(positions)), torch.from_numpy(training.labels[positions]))


def plain_maps(model: ShiftGCN, clips: Tensor) -> Tensor:
    """Maps of ``clips[batch, person, frame, joint, xyz]`` from the plain Shift-GCN."""
    batch, persons, frames, joints, axes = clips.shape
    x = plain_norm(clips.permute(0, 1, 3, 4, 2).reshape(batch, -1, frames), model.data_bn)
    x = x.view(batch * persons, joints, axes, frames).permute(0, 2, 3, 1)
    for number, stride in enumerate(STRIDES, start=1):
        x = plain_block(x, model.get_submodule(f"l{number}"), stride)
    return x.unflatten(0, (batch, persons)).mean(1).permute(0, 2, 3, 1)


def released_losses(w: World, stages: Stages, *, plain: bool = True) -> StepOutput:
    """Eq. 10 with everything computed in the step, for whole prompts; ``plain`` uses the plain Shift-GCN."""
    method, reader, config = w.method, w.method.reader, w.method.settings
    rows = method.column[torch.from_numpy(w.training.labels)]
    with torch.no_grad():
        maps = plain_maps(w.encoder, w.clips) if plain else w.encoder(w.clips, maps=True).maps
        stages.end("encoder")
        drawn = reader.draw(rows, int(method.step), method.phases()[-1].steps, torch_generator(0, "step"))
        inputs = w.language.tokenizer([w.prompts[r] for r in drawn.rows.tolist()], padding=True, return_tensors="pt")
        hidden = w.language.model(**inputs).last_hidden_state
        stages.end("language model")
    f_x = (maps - method.map_offset) / method.map_scale
    grounded = reader.grounding(method.joints(pool_time(f_x)), hidden, inputs["attention_mask"].bool())
    parts = method.parts(f_x)
    logits = reader.decoder(grounded.text.flatten(0, 1))  # at every token
    targets = torch.full(hidden.shape[:2], -100)  # which the cross entropy ignores
    targets[:, reader.places] = drawn.targets.masked_fill(~drawn.masked, -100)
    losses, features = {}, {"context": grounded.skeleton.mean(1), "part": parts.pooled}
    for head, space in method.spaces.items():
        skeleton, known = space.skeleton(features[head]), space.texts(method.seen)
        losses[f"align_{head}"] = alignment_loss(skeleton, known, rows, temperature=config.space.temperature)
    losses["context"] = config.training.context_weight * cross_entropy(logits, targets.flatten())
    distance = key_part_loss(parts.importance, method.prior[rows], reduction=config.parts.reduction)
    return StepOutput(losses | {"key_parts": config.training.part_weight * distance})


def our_losses(w: World, stages: Stages, *, exact: bool = False, bf16: bool = False) -> StepOutput:
    """Eq. 10 as the kit computes it, from cached maps; with ``exact`` from the maps before rounding."""
    batch = read_batch(w.training, np.arange(BATCH))
    batch = replace(batch, features=w.maps) if exact else batch
    stages.end("maps")
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        return w.method.training_step(batch, "train", torch_generator(0, "step"))


def step_of(method: SkeletonContext, losses: Callable[[Stages], StepOutput]) -> Callable[[Stages], dict[str, float]]:
    """A training step that returns its losses; the learning rate is zero, so all steps start from the same weights."""
    phase = method.phases()[-1]
    optimizer = phase.optimizer(list(phase.parameters()))
    optimizer.param_groups[0]["lr"] = 0.0

    def step(stages: Stages) -> dict[str, float]:
        stages.end(None)
        output = losses(stages)
        stages.end("learnt modules, forward")
        optimizer.zero_grad(set_to_none=True)
        output.loss.backward()
        optimizer.step()
        stages.end("learnt modules, backward and update")
        return {name: float(value.detach()) for name, value in output.losses.items()}

    return step


def compare(w: World) -> dict[str, float]:
    """Largest relative differences of maps, losses and gradients, with two of three slots masked."""
    with torch.no_grad():  # also the plain encoder's warm-up
        maps = worst_difference({"maps": w.maps}, {"maps": plain_maps(w.encoder, w.clips)})
    losses, gradients = [], []
    for work in (partial(released_losses, w, plain=False), partial(our_losses, w, exact=True)):
        w.method.step.fill_(w.method.phases()[-1].steps // 2)
        losses.append(step_of(w.method, work)(Stages()))
        gradients.append({n: p.grad.clone() for n, p in w.method.named_parameters() if p.grad is not None})
    # A gradient that is zero up to rounding has no relative difference: small ones are compared with the largest.
    floor = 1e-6 * max(float(g.norm()) for g in gradients[0].values())
    gap = max(float((gradients[1][n] - g).norm()) / max(float(g.norm()), floor) for n, g in gradients[0].items())
    return {"maps": float(f"{maps:.2g}"), "losses": largest_difference(*losses[::-1]), "gradients": float(f"{gap:.2g}")}


def largest_difference(found: dict[str, float], exact: dict[str, float]) -> float:
    """Largest relative difference of any loss."""
    return float(f"{max(abs(found[name] / value - 1) for name, value in exact.items()):.2g}")


def measure(w: World, repeats: int, bf16: bool) -> dict:
    """Differences, then times of the alternating sides."""
    record: dict = {"largest relative difference": compare(w)}
    w.method.step.fill_(w.method.phases()[-1].steps)  # from here on all slots are masked
    sides = {"released": partial(released_losses, w), "released, our encoder": partial(released_losses, w, plain=False)}
    sides |= {"ours": partial(our_losses, w)} | ({"ours, bf16": partial(our_losses, w, bf16=True)} if bf16 else {})
    steps = {side: step_of(w.method, losses) for side, losses in sides.items()}
    warm, stages = {side: steps[side](Stages()) for side in list(sides)[1:]}, {side: Stages() for side in sides}
    for turn in range(repeats):
        for side in list(sides)[turn >= PLAIN_REPEATS :]:  # finally without the plain encoder
            steps[side](stages[side])
    record |= {side: stages[side].medians() for side in sides}
    for ours in list(sides)[2:]:
        for name, side in (("ratio", "released"), ("ratio_with_our_encoder", "released, our encoder")):
            record[ours][name] = round(record[side]["step, s"] / record[ours]["step, s"], 2)
    if bf16:
        record["ours, bf16"]["largest relative difference"] = largest_difference(warm["ours, bf16"], warm["ours"])
    return record


def peak(sizes: str, folder: Path, steps: int) -> dict[str, float]:
    """Memory of this process after some training steps from a map file."""
    training = read_training(folder, "maps.npy")
    method, order = make_method(sizes, training), np.random.default_rng(0).permutation(len(training.labels))
    batches = (read_batch(training, order[(np.arange(BATCH) + i * BATCH) % len(order)]) for i in range(steps))
    step = step_of(method, lambda _: method.training_step(next(batches), "train", torch_generator(0, "step")))
    for _ in range(steps):
        step(Stages())
    # Not getrusage: on Linux a process inherits the peak of its parent.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    whole, mapped = (int(status[name].split()[0]) / 1024 for name in ("VmHWM", "RssFile"))
    return {"peak, MB": round(whole), "mapped files, MB": round(mapped), "without them, MB": round(whole - mapped)}


def memory(sizes: str, folder: Path, steps: int) -> dict:
    """Peaks with 1x and 8x data, each in a separate process."""
    piece = np.random.default_rng(0).standard_normal((SAMPLES, *MAP), dtype=np.float32).astype(np.float16)
    record, peaks = {"steps": steps}, []
    for samples in (SAMPLES, MORE * SAMPLES):
        np.save(folder / "maps.npy", np.concatenate([piece] * (samples // SAMPLES)))
        command = [sys.executable, "-m", "benchmarks.skeleton_context_step", "--sizes", sizes]
        command += ["--memory-steps", str(steps), "--peak", str(folder)]
        peaks.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))
        record[f"{samples} samples"] = {"maps, MB": piece.nbytes * samples // SAMPLES // 2**20, **peaks[-1]}
    return record | {f"ratio, {n[:-4]}": round(peaks[1][n] / peaks[0][n], 3) for n in ("peak, MB", "without them, MB")}


def main() -> int:
    """Measure and print; exit code 1 if the ratio is missed or the sides differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", choices=list(REQUIRED), default="paper")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory-steps", type=int, default=3)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--required", type=float, help="least ratio; by default that of the sizes")
    parser.add_argument("--no-required", action="store_true", help="only print")
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)  # of a process that measures its own memory
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        sys.stdout.write(json.dumps(peak(options.sizes, options.peak, options.memory_steps)))
        return 0
    record: dict = {"benchmark": "skeleton_context_step", "threads": torch.get_num_threads(), "sizes": options.sizes}
    with tempfile.TemporaryDirectory() as folder:
        w = build(options.sizes, Path(folder))
        record |= {"language model": w.language.record.name, "width": w.language.record.width}
        record |= {"vocabulary": len(w.method.vocabulary), "batch": BATCH, "clip": f"{CLIP}", "map": f"{MAP}"}
        record |= measure(w, options.repeats, options.bf16)
        record["memory"] = memory(options.sizes, Path(folder), options.memory_steps)
    sys.stdout.write(json.dumps(record, indent=1) + "\n")
    required = REQUIRED[options.sizes] if options.required is None else options.required
    differ = any(record["largest relative difference"][name] > limit for name, limit in TOLERANCES.items())
    return int((differ or record["ours"]["ratio"] < required) and not options.no_required)


if __name__ == "__main__":
    raise SystemExit(main())
