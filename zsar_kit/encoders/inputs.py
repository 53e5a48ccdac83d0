"""From sequences to what an encoder sees: the same in training, in extraction, and for a single clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from zsar_kit.data.joints import JointLayout
from zsar_kit.data.orientation import distinct_persons
from zsar_kit.data.skeletons import convert, preprocess, sample_clips, stream_clips
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.protocol import InputProtocol


def ready_sequence(
    joints: Float32[np.ndarray, "person frame joint 3"],
    layout: JointLayout | str,
    protocol: InputProtocol,
    *,
    finished: bool = False,
) -> Float32[np.ndarray, "kept real_frame 25 3"]:
    """The deterministic part of an input, worth caching.

    Args:
        joints: a sequence of a set, or a raw one.
        layout: its joint layout.
        protocol: the encoder's.
        finished: the set's chain has made inputs of this protocol already (see
            :func:`~zsar_kit.encoders.protocol.check_chain`): nothing is done again.
    """
    if finished:
        return np.ascontiguousarray(distinct_persons(convert(joints, layout))[: protocol.persons])
    return preprocess(
        joints,
        layout,
        persons=protocol.persons,
        centring=protocol.centring,
        turn=protocol.turn,
        loop_to=protocol.frames if protocol.fit == "looped" else 0,
    )


def encoder_clips(
    sequences: Sequence[Float32[np.ndarray, "_ _ 25 3"]],
    config: EncoderConfig,
    rng: np.random.Generator | None = None,
    kept: range | None = None,
) -> Float32[np.ndarray, "batch person frame 25 channel"]:
    """Clips of an encoder's stream; four streams are concatenated on the last axis, three channels each.

    Args:
        sequences: results of :func:`ready_sequence`.
        config: of the encoder.
        rng: draws crops and rotations; None takes the sequence as the protocol's ``fit`` says, without rotation.
        kept: positions of the sequences whose clips are wanted (see :func:`zsar_kit.data.skeletons.sample_clips`).
    """
    clips = sample_clips(
        sequences,
        frames=config.frames,
        persons=config.persons,
        rng=rng,
        crop=(config.crop, 1.0),
        rotation=config.rotation,
        kept=kept,
        # A looped sequence is looped before it is centred; a second time would fill gaps at its end.
        fit="resampled" if config.fit == "looped" else config.fit,
    )
    streams = [stream_clips(clips, stream) for stream in config.streams]
    return streams[0] if len(streams) == 1 else np.concatenate(streams, axis=-1)
