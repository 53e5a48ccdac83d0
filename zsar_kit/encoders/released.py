"""A released Shift-GCN checkpoint as an encoder artefact: a folder like that of our own pretraining."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from zsar_kit.artefacts import atomic_folder, exists, file_digest, write_json, write_provenance
from zsar_kit.checkpoints import save_tensors
from zsar_kit.data.splits import class_names
from zsar_kit.encoders.config import FOUR_STREAMS, EncoderConfig
from zsar_kit.encoders.distributed import main_first
from zsar_kit.encoders.pretrain import HISTORY, SCHEMA, WEIGHTS, TrainedEncoder, load_encoder
from zsar_kit.encoders.protocol import RELEASED
from zsar_kit.encoders.shift_gcn import load_released
from zsar_kit.errors import ConfigError, MissingModelError

NTU_BY_CLASSES = {60: "ntu60", 120: "ntu120"}


def import_released(path: str | Path, folder: str | Path, config: EncoderConfig | None = None) -> TrainedEncoder:
    """Load a released checkpoint, trained on all classes of NTU RGB+D 60 or 120, and store it as an artefact.

    On another data set it is a *cross-dataset* encoder; on NTU itself every zero-shot number made with it is a leak,
    and the leak guard refuses it.

    Args:
        path: the checkpoint.
        folder: the folder of the artefact; an existing one is reused.
        config: only its ``stream`` counts, which the file does not tell; default: joints. Width and persons are the
            checkpoint's, and the input protocol is that of the clips it was trained on
            (:data:`~zsar_kit.encoders.protocol.RELEASED`): centred in each frame, turned, 300 frames, looped.

    Raises:
        MissingModelError: the file is absent or not a Shift-GCN, or it has neither 60 nor 120 classes.
        ConfigError: the configuration is for another architecture, or for four streams.
    """
    config = config or EncoderConfig()
    if config.architecture != "shift_gcn" or config.stream == FOUR_STREAMS:
        raise ConfigError(
            f"a released checkpoint is one stream of a Shift-GCN, but the encoder settings say {config.stream!r} of "
            f"{config.architecture!r}",
            where=path,
            remedy="Use settings for one stream of a Shift-GCN.",
        )
    with main_first():
        return _import(path, Path(folder), config)


def _import(path: str | Path, folder: Path, config: EncoderConfig) -> TrainedEncoder:
    if exists(folder):
        return load_encoder(folder)
    model = load_released(path)
    sizes = model.config
    if sizes.classes not in NTU_BY_CLASSES:
        raise MissingModelError(
            f"the checkpoint has {sizes.classes} classes, but released ones have 60 or 120 (NTU RGB+D)",
            where=path,
            remedy="The classes that an encoder has seen must be known.",
        )
    dataset = NTU_BY_CLASSES[sizes.classes]
    own = {name: getattr(RELEASED, name) for name in ("centring", "turn", "frames", "fit")}
    config = EncoderConfig(stream=config.stream, width=sizes.width, persons=sizes.persons, **own)
    with atomic_folder(folder) as scratch:
        save_tensors(scratch / WEIGHTS, model.state_dict())
        write_json(scratch / HISTORY, [])
        record = {
            "name": "shift_gcn",
            "digest": "",
            "stream": config.stream,
            "width": sizes.width,
            "dataset": dataset,
            "classes": list(range(sizes.classes)),
            "class_names": list(class_names(dataset)),
        }
        about = {"model": asdict(sizes), "input": config.protocol.to_dict(), "record": record}
        write_json(scratch / "encoder.json", about)
        inputs = {"checkpoint": file_digest(path)}
        write_provenance(scratch, "Encoder", version=SCHEMA, inputs=inputs, config=config.to_dict())
    return load_encoder(folder)
