"""Engines: what maps network input to labels."""

from losszero_rt.engine.engine_score import Score, compiled_scores, score_of, weights_score
from losszero_rt.engine.model import Model, TrainedModel, open_model, refuse_training_folder
from losszero_rt.engine.opening import engine_facts, fits, open_engine
from losszero_rt.engine.protocol import (
    ENGINE_NAMES,
    PRECISIONS,
    Engine,
    EngineInfo,
    EngineName,
    EngineOptions,
    Extras,
    PlanesEngine,
    Precision,
    Ticket,
)
from losszero_rt.engine.proving import is_proved, open_proved

__all__ = [
    "ENGINE_NAMES",
    "PRECISIONS",
    "Engine",
    "EngineInfo",
    "EngineName",
    "EngineOptions",
    "Extras",
    "Model",
    "PlanesEngine",
    "Precision",
    "Score",
    "Ticket",
    "TrainedModel",
    "compiled_scores",
    "engine_facts",
    "fits",
    "is_proved",
    "open_engine",
    "open_model",
    "open_proved",
    "refuse_training_folder",
    "score_of",
    "weights_score",
]
