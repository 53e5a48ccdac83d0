"""One training step of SkeletonContext against the released arrangement of the same step.

The released arrangement runs its frozen parts inside the step: Shift-GCN on raw clips, the language model on the masked
prompts, and it computes vocabulary logits at every token of a prompt, of which its loss reads the masked ones. The kit
reads cached float16 maps, looks hidden states up, and computes logits at masked places only.

The comparison is fair, and leans towards the reference where it leans: one method object serves both sides, so learnt
modules, weights, optimiser, vocabulary (all 30 522 pieces) and prompts are the same, and so must losses and gradients
be; the reference has the kit's own Shift-GCN, itself faster than a plain one, in inference mode, tokenises and encodes
its prompts in one batch, and is spared reading and preparing its clips; all slots are masked, which costs the kit most.
Sides take turns in one run on one thread, and medians are compared. Only eight classes are seen, so that their texts
are encoded quickly; either side would pay a few milliseconds more for 55. Maps are made once: their extraction, the
time of the reference's encoder a clip and view, is not part of a step, nor is that of the few hundred prompts.

``--sizes paper`` has BERT-base's sizes with random weights, as it must run without a model hub; time does not depend on
them. ``--sizes offline`` has the offline default model. ``--bf16`` adds the kit's step with grounding and decoder in
bfloat16; all else is bound by memory or cheap and stays as it is.

Memory: a fresh process trains some steps from a memory-mapped file of 512 and of 4096 samples. Its peak counts pages of
the mapped file, which the system can take back at any time; they are also reported by themselves.

``python -m benchmarks.skeleton_context_step`` prints one JSON record; it fails unless losses and gradients agree to
``1e-3`` and the ratio reaches ``--required`` (6 at the paper's sizes, 10 at the offline default's).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from zsar_kit.encoders.shift_gcn import ShiftGCN, ShiftGCNConfig
from zsar_kit.methods.base import Batch, MapRows, StepOutput, TrainingSet
from zsar_kit.methods.skeleton_context import SkeletonContext
from zsar_kit.methods.skeleton_context_config import SkeletonContextConfig, presets
from zsar_kit.models.skeleton_context.alignment import alignment_loss
from zsar_kit.models.skeleton_context.joint_differences import pool_time
from zsar_kit.models.skeleton_context.key_parts import key_part_loss
from zsar_kit.seeding import seeded_initialisation, torch_generator
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.language import LanguageRecord, TextEncoder, load_text_encoder
from zsar_kit.semantics.masked_language import MaskedLanguage, prompt
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.semantics.texts import SLOTS, ClassTexts

BATCH, PERSONS, CLIP_FRAMES, JOINTS = 64, 2, 64, 25
MAP_FRAMES, MAP_WIDTH = 16, 256
CLASSES, SAMPLES, MORE = 8, 512, 8
TOLERANCE = 1e-3
REQUIRED = {"paper": 6.0, "offline": 10.0}
SETS = ("contexts", "motion")


class Stages:
    """Seconds of the stages of each step, by side."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}
        self.begun = time.perf_counter()

    def start(self) -> None:
        """A step begins."""
        self.begun = time.perf_counter()

    def end(self, stage: str) -> None:
        """A stage ends, and the next begins."""
        now = time.perf_counter()
        self.seconds.setdefault(stage, []).append(now - self.begun)
        self.begun = now

    def record(self) -> dict[str, float]:
        """Medians of the stages and of the whole step."""
        steps = [sum(stages) for stages in zip(*self.seconds.values(), strict=True)]
        found = {f"{stage}, s": round(median(values), 4) for stage, values in self.seconds.items()}
        return {**found, "step, s": round(median(steps), 4)}


@dataclass(frozen=True)
class World:
    """What both sides share: weights, texts and a batch."""

    method: SkeletonContext
    encoder: ShiftGCN
    language: TextEncoder
    prompts: list[str]
    clips: Tensor
    maps: Tensor
    cached: MapRows
    labels: Tensor


def settings(sizes: str) -> SkeletonContextConfig:
    """The paper's preset, as wide as the language model."""
    width = {"paper": 768, "offline": 384}[sizes]
    return presets()["paper"].override({"grounding.dim": width, "grounding.heads": 12, "space.dim": width})


def language_model(sizes: str) -> TextEncoder:
    """The offline default; at the paper's sizes its tokenizer, and random weights of BERT-base's sizes."""
    offline = load_text_encoder()
    if sizes == "offline":
        return offline
    from transformers import BertConfig, BertModel

    with seeded_initialisation(0, "BERT-base's sizes"):
        model = BertModel(BertConfig(), add_pooling_layer=False)
    record = LanguageRecord("BERT-base's sizes, random weights", "random", "", 768, 512, "mean")
    return TextEncoder(model, offline.tokenizer, record)


def few_texts() -> ClassTexts:
    """Texts of NTU's first classes."""
    texts = load_texts("ntu60")
    per_class = ("ids", "names", "entries", "contexts", "key_parts", "spots")
    return replace(texts, **{name: getattr(texts, name)[:CLASSES] for name in per_class})


def whole_vocabulary(bank: ContextBank, language: MaskedLanguage) -> ContextBank:
    """The bank with all pieces of the vocabulary as candidates, word pieces and signs included, as released."""
    ids = np.array([language.words[word] for word in bank.vocabulary])
    every = range(len(language.encoder.tokenizer))
    pieces = tuple(language.encoder.tokenizer.convert_ids_to_tokens(list(every)))
    return replace(bank, vocabulary=pieces, words=ids[bank.words], embedding=language.embedding(every))


def prompts_of(bank: ContextBank, texts: ClassTexts, mask_token: str) -> list[str]:
    """The masked prompts themselves, one a row of the bank's hidden states."""
    found = [""] * len(bank.hidden)
    for c, class_id in enumerate(bank.class_ids):
        for d, context in enumerate(texts.contexts_of(class_id)):
            for pattern in range(1, 2 ** len(SLOTS)):
                words = {s: mask_token if pattern >> i & 1 else context.slot(s) for i, s in enumerate(SLOTS)}
                found[bank.prompts[c, d, pattern]] = prompt(words)
    return found


def build(sizes: str, folder: Path) -> World:
    """Weights and clips at random, texts of the kit; bank, semantics and maps are left in the folder."""
    texts, encoder = few_texts(), language_model(sizes)
    language = MaskedLanguage(encoder)
    bank = whole_vocabulary(ContextBank.build(texts, texts.ids, language, SLOTS), language)
    bank.write(folder / "bank")
    for name in SETS:
        Semantics.build(texts, name, encoder).write(folder / name)
    with seeded_initialisation(0, "Shift-GCN"):
        gcn = ShiftGCN(ShiftGCNConfig(classes=60, persons=PERSONS)).eval()
    clips = torch.randn(BATCH, PERSONS, CLIP_FRAMES, JOINTS, 3, generator=torch_generator(0, "clips"))
    with torch.no_grad():
        maps = gcn(clips, maps=True).maps
    assert maps is not None and maps.shape == (BATCH, MAP_FRAMES, JOINTS, MAP_WIDTH)
    np.save(folder / "batch.npy", maps.numpy().astype(np.float16))
    training = training_set(folder, "batch.npy")
    assert isinstance(training.features, MapRows)
    method = SkeletonContext(settings(sizes), training, torch_generator(0, "initialisation"))
    prompts = prompts_of(bank, texts, language.mask_token)
    labels = torch.from_numpy(training.labels)
    return World(method.train(), gcn, encoder, prompts, clips, maps.contiguous(), training.features, labels)


def training_set(folder: Path, maps: str) -> TrainingSet:
    """What a method learns from, read as a run reads it."""
    views = (np.load(folder / maps, mmap_mode="r"),)
    bank = ContextBank.read(folder / "bank")
    count = len(views[0])
    labels = np.array(bank.class_ids)[np.arange(count) % len(bank.class_ids)]
    semantics = {name: Semantics.read(folder / name) for name in SETS}
    return TrainingSet(MapRows(views, np.arange(count)), labels, bank.class_ids, semantics, bank)


def released_losses(w: World, stages: Stages, generator: torch.Generator) -> StepOutput:
    """Eq. 10 with everything computed in the step."""
    method, reader = w.method, w.method.reader
    assert reader is not None and method.joints is not None and method.parts is not None
    rows, config = method.column[w.labels], method.settings
    with torch.no_grad():
        maps = w.encoder(w.clips, maps=True).maps
        stages.end("encoder")
        drawn = reader.draw(rows, int(method.step), method.phases()[-1].steps, generator)
        filled = [w.prompts[row] for row in drawn.rows.tolist()]
        inputs = w.language.tokenizer(filled, padding=True, return_tensors="pt")
        hidden = w.language.model(**inputs).last_hidden_state
        stages.end("language model")
    f_x = (maps - method.map_offset) / method.map_scale
    grounded = reader.grounding(method.joints(pool_time(f_x)), hidden, inputs["attention_mask"].bool())
    parts = method.parts(f_x)
    logits = reader.decoder(grounded.text.flatten(0, 1))  # at every token
    targets = torch.full(hidden.shape[:2], -100)  # which the cross entropy passes over
    targets[:, reader.places] = drawn.targets.masked_fill(~drawn.masked, -100)
    losses = {}
    for head, feature in (("context", grounded.skeleton.mean(1)), ("part", parts.pooled)):
        space = method.spaces[head]
        losses[f"align_{head}"] = alignment_loss(
            space.skeleton(feature), space.texts(method.seen), rows, temperature=config.space.temperature
        )
    losses["context"] = config.training.context_weight * cross_entropy(logits, targets.flatten())
    distance = key_part_loss(parts.importance, method.prior[rows], reduction=config.parts.reduction)
    losses["key_parts"] = config.training.part_weight * distance
    return StepOutput(losses)


def our_losses(w: World, stages: Stages, generator: torch.Generator, maps: Tensor | None = None) -> StepOutput:
    """Eq. 10 as the kit computes it; from cached maps, or from given ones."""
    if maps is None:
        maps = torch.from_numpy(w.cached.take(np.arange(BATCH)))
        stages.end("maps")
    return w.method.training_step(Batch(maps, w.labels), "train", generator)


def step_of(w: World, losses: Callable[[Stages, torch.Generator], StepOutput]) -> Callable[[Stages], StepOutput]:
    """A whole training step; the learning rate is zero, so that both sides go on from the same weights."""
    phase = w.method.phases()[-1]
    parameters = list(phase.parameters())
    optimizer = phase.optimizer(parameters)
    for group in optimizer.param_groups:
        group["lr"] = 0.0

    def step(stages: Stages) -> StepOutput:
        stages.start()
        output = losses(stages, torch_generator(0, "step"))
        optimizer.zero_grad(set_to_none=True)
        stages.end("learnt modules, forward")
        output.loss.backward()
        optimizer.step()
        stages.end("learnt modules, backward and update")
        return output

    return step


@contextmanager
def in_bfloat16(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Matrix products of some modules in bfloat16; what they give is float32 again."""

    def lowered(exact: Callable) -> Callable:
        def forward(*inputs: Tensor) -> object:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                found = exact(*inputs)
            if is_dataclass(found) and not isinstance(found, type):
                return replace(found, **{f.name: getattr(found, f.name).float() for f in fields(found)})
            return found.float()

        return forward

    for module in modules:
        module.forward = lowered(module.forward)
    try:
        yield
    finally:
        for module in modules:
            del module.forward


def compare(w: World, ours: Callable[[Stages], StepOutput], plain: Callable[[Stages], StepOutput]) -> dict[str, float]:
    """Largest relative differences of losses and of gradients, with half of the slots masked."""
    found = []
    for step in (plain, ours):
        w.method.step.fill_(w.method.phases()[-1].steps // 2)
        losses = {name: float(value.detach()) for name, value in step(Stages()).losses.items()}
        gradients = {n: p.grad.clone() for n, p in w.method.named_parameters() if p.grad is not None}
        found.append((losses, gradients))
    (losses, gradients), (our_own, our_gradients) = found
    if losses.keys() != our_own.keys() or gradients.keys() != our_gradients.keys():
        raise ValueError("the sides have different losses or learn different weights")
    scale = max(float(g.abs().max()) for g in gradients.values())
    return {
        "losses": max(abs(our_own[name] / value - 1) for name, value in losses.items()),
        "gradients": max(float((our_gradients[n] - g).abs().max()) for n, g in gradients.items()) / scale,
    }


def decoder_seconds(w: World, places: int, repeats: int) -> float:
    """Vocabulary logits at so many places, their loss and its gradient."""
    assert w.method.reader is not None
    decoder, seconds = w.method.reader.decoder, []
    hidden = torch.randn(places, w.method.settings.grounding.dim, generator=torch_generator(0, "hidden"))
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        cross_entropy(decoder(hidden.requires_grad_()), torch.arange(places)).backward()
        seconds.append(time.perf_counter() - begun)
    return round(median(seconds[1:]), 4)


def measure(w: World, repeats: int, bf16: bool) -> dict:
    """Differences, then times in turns."""
    reader = w.method.reader
    assert reader is not None
    plain = step_of(w, lambda stages, g: released_losses(w, stages, g))
    ours = step_of(w, lambda stages, g: our_losses(w, stages, g))
    exact = step_of(w, lambda stages, g: our_losses(w, stages, g, w.maps))
    differences = compare(w, exact, plain)
    w.method.step.fill_(w.method.phases()[-1].steps)  # from here on all slots are masked
    low = [reader.grounding, reader.decoder]
    sides = {"released": (plain, []), "ours": (ours, []), **({"ours, bf16": (ours, low)} if bf16 else {})}
    stages, losses = {side: Stages() for side in sides}, {}
    for side, (step, modules) in sides.items():
        if side != "released":  # which is warm from the comparison
            with in_bfloat16(modules):
                losses[side] = float(step(Stages()).loss.detach())
    for _ in range(repeats):
        for side, (step, modules) in sides.items():
            with in_bfloat16(modules) if modules else nullcontext():
                step(stages[side])
    record: dict = {side: stages[side].record() for side in sides}
    for side in list(sides)[1:]:
        record[side]["ratio"] = round(record["released"]["step, s"] / record[side]["step, s"], 2)
    if bf16:
        record["ours, bf16"]["relative difference of the loss"] = abs(losses["ours, bf16"] / losses["ours"] - 1)
    length = reader.hidden.shape[1]
    record["apart"] = {
        "logits at every token, s": decoder_seconds(w, BATCH * length, 2),
        "logits at masks, s": decoder_seconds(w, BATCH * len(SLOTS), 2),
    }
    record["largest relative difference"] = {name: float(f"{value:.2g}") for name, value in differences.items()}
    return record


def peak(sizes: str, folder: Path, steps: int, samples: int) -> dict[str, float]:
    """Memory of this process after some training steps from a map file."""
    training = training_set(folder, f"maps{samples}.npy")
    assert isinstance(training.features, MapRows)
    method = SkeletonContext(settings(sizes), training, torch_generator(0, "initialisation")).train()
    phase = method.phases()[-1]
    optimizer = phase.optimizer(list(phase.parameters()))
    order = np.random.default_rng(0).permutation(samples)
    for step in range(steps):
        positions = order[np.arange(step * BATCH, (step + 1) * BATCH) % samples]
        maps, labels = torch.from_numpy(training.features.take(positions)), torch.from_numpy(training.labels[positions])
        loss = method.training_step(Batch(maps, labels), phase.name, torch_generator(0, "step", step)).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    # Not getrusage: a process that another one starts takes over the peak of that one.
    lines = Path("/proc/self/status").read_text().splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    whole, mapped = (int(status[name][0]) / 1024 for name in ("VmHWM", "RssFile"))
    return {"peak, MB": round(whole), "of it mapped files, MB": round(mapped), "rest, MB": round(whole - mapped)}


def memory(sizes: str, folder: Path, steps: int) -> dict:
    """Peaks with 1x and 8x data, each of a process of its own."""
    found: dict = {"steps": steps}
    rng = np.random.default_rng(0)
    piece = rng.standard_normal((SAMPLES, MAP_FRAMES, JOINTS, MAP_WIDTH), dtype=np.float32).astype(np.float16)
    peaks = []
    for samples in (SAMPLES, SAMPLES * MORE):
        path = folder / f"maps{samples}.npy"
        table = np.lib.format.open_memmap(path, "w+", np.float16, (samples, *piece.shape[1:]))
        for start in range(0, samples, SAMPLES):
            table[start : start + SAMPLES] = piece
        del table
        options = ["--sizes", sizes, "--memory-steps", str(steps), "--peak", str(folder), str(samples)]
        command = [sys.executable, "-m", "benchmarks.skeleton_context_step", *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ)
        peaks.append(json.loads(done.stdout))
        found[f"{samples} samples"] = {"maps, MB": round(path.stat().st_size / 2**20), **peaks[-1]}
        path.unlink()
    for name in ("peak, MB", "rest, MB"):
        found[f"ratio, {name.split(',')[0]}"] = round(peaks[1][name] / peaks[0][name], 3)
    return found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", choices=list(REQUIRED), default="paper")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory-steps", type=int, default=4)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--required", type=float, help="least ratio of the step in float32; default by the sizes")
    parser.add_argument("--no-required", action="store_true", help="only print")
    parser.add_argument("--peak", nargs=2, metavar=("FOLDER", "SAMPLES"), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Measure and print; exit code 1 where the ratio is missed or the sides differ."""
    options = parse()
    torch.set_num_threads(1)
    if options.peak:
        folder, samples = Path(options.peak[0]), int(options.peak[1])
        sys.stdout.write(json.dumps(peak(options.sizes, folder, options.memory_steps, samples)))
        return 0
    with tempfile.TemporaryDirectory() as name:
        w = build(options.sizes, Path(name))
        record = {
            "benchmark": "skeleton_context_step",
            "sizes": {
                "name": options.sizes,
                "language model": w.language.record.name,
                "width": w.language.record.width,
                "vocabulary": len(w.method.vocabulary),
                "batch": BATCH,
                "clip": list(w.clips.shape[1:]),
                "map": list(w.maps.shape[1:]),
            },
            "threads": torch.get_num_threads(),
            **measure(w, options.repeats, options.bf16),
            "memory": memory(options.sizes, Path(name), options.memory_steps),
        }
    sys.stdout.write(json.dumps(record, indent=1) + "\n")
    required = REQUIRED[options.sizes] if options.required is None else options.required
    missed = [f"a ratio of {required:g}"] if record["ours"]["ratio"] < required else []
    if max(record["largest relative difference"].values()) > TOLERANCE:
        missed.append("equal losses and gradients")
    if missed and not options.no_required:
        sys.stderr.write(f"missed: {', '.join(missed)}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
