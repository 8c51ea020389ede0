"""Opens ONNX models on the CPU, and runs them: the threads, the memory and the errors of onnxruntime in one place."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamtuner.plugins import PluginError

Floats = NDArray[np.float32]


@lru_cache(maxsize=4)  # what one reference needs: a masker, a tagger, and the two models of DWPose
def opened(file: Path, version: str) -> Any:
    """Open an ONNX model. `version` is part of the key: it changes when the file does.

    It uses OMP_NUM_THREADS threads, or as many as this process has cores; threads that wait do not spin, since torch
    works beside them.

    Raises PluginError if onnxruntime is not installed, or the file is no ONNX model.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise PluginError("onnxruntime is not installed; pip install 'dreamtuner[eyes]'") from error
    if not file.is_file():
        raise PluginError(f"{file} is no file; name the ONNX file itself")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base
        raise PluginError(f"{file} cannot be read as an ONNX model ({error}); fetch or export it again") from error


def threads() -> int:
    """Return how many threads a model may use."""
    stated = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if stated.isdigit() and int(stated):
        return int(stated)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ran(session: Any, inputs: dict[str, Floats]) -> list[Floats]:
    """Return all outputs for these inputs, in float32. What memory the model needed is given back to the system.

    Raises PluginError if the model refuses its inputs, or an output holds values that are not finite.
    """
    import onnxruntime

    types = {one.name: np.float16 if "float16" in one.type else np.float32 for one in session.get_inputs()}
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    given = {name: np.ascontiguousarray(values, dtype=types.get(name)) for name, values in inputs.items()}
    try:
        found = session.run(None, given, options)
    except Exception as error:  # onnxruntime's exceptions have no common base
        raise PluginError(f"the model does not take its input: {error}") from error
    outputs = [np.asarray(one, dtype=np.float32) for one in found]
    if not all(np.isfinite(one).all() for one in outputs):
        raise PluginError("the model gave values that are not finite; use a file in float32 rather than float16")
    return outputs


def outputs_of(file: Path, version: str, values: Floats) -> list[Floats]:
    """Return all outputs of the model in a file for its one input. Raises PluginError as `opened` and `ran` do."""
    session = opened(file, version)
    try:
        return ran(session, {session.get_inputs()[0].name: values})
    except PluginError as error:
        raise PluginError(f"{file}: {error}; is it another model?") from error
