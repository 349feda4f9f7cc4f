"""Builds the Keras model of a file, of Keras 2 or 3.

Its configuration must be plain and ask for no more weights than the file holds: both are found out before anything is allocated.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dqa.errors import ModelError, ToolError
from dqa.frontend.keras_argmax import plain_argmax
from dqa.frontend.keras_config import check_config, layer_names
from dqa.frontend.keras_files import read_archive, read_hdf5
from dqa.frontend.keras_forms import canonical
from dqa.frontend.keras_groups import groups_as_channels
from dqa.frontend.keras_transposed import dilated_as_convolutions

OTHER_WAY = "save it again with model.save(...) and the Keras that is installed, or give a float32 .tflite"
INSTALL = "pip install 'dqa-convert[keras]', or give a float32 .tflite, which needs no TensorFlow"
_SLACK = 1024  # weights that a file need not hold, such as the state of random generators


def load_keras(source: Path, name: str, workdir: Path, training: bool = False) -> tuple[Any, list[str]]:
    """The Keras model in a .h5 or .keras file, float32, and the names of its layers; works on a copy in `workdir`.

    training: with all that training needs; else layers that do nothing at inference are left out.
    Raises ModelError, calling the source `name`; ToolError without TensorFlow.
    """
    with source.open("rb") as file:
        is_archive = file.read(2) == b"PK"
    weights = workdir / ("model.weights.h5" if is_archive else "model.h5")
    if is_archive:
        config, held = read_archive(source, weights, name)
    else:
        shutil.copyfile(source, weights)
        config, held = read_hdf5(weights, name)
    check_config(config, name)
    layers = layer_names(config)
    canonical(config, name, training)
    try:
        import keras
    except ImportError as error:
        raise ToolError(f"TensorFlow cannot be imported: {reason(error)}", hint=INSTALL) from error
    try:
        with _weights_made_at_the_end(keras):
            model = keras.saving.deserialize_keras_object(config, safe_mode=True)
            if not isinstance(model, keras.Model):
                raise ModelError(f"{name}: its configuration describes no model", hint=OTHER_WAY)
            _check_weights(model, held, name)
        if model.weights:
            model.load_weights(weights)
        dilated_as_convolutions(model, name)
        groups_as_channels(model, name)
        plain_argmax(model)
    except ModelError:
        raise
    except MemoryError as error:
        raise ModelError(f"{name}: needs more memory than there is", hint="give a smaller model") from error
    except Exception as error:
        raise ModelError(f"{name}: Keras cannot load it: {reason(error)}", hint=OTHER_WAY) from error
    return model, layers


@contextmanager
def _weights_made_at_the_end(keras: Any) -> Iterator[None]:
    """Models that are built inside get their weights when it ends; after an exception never, not even with the next model's."""
    try:
        with keras.StatelessScope() as scope:
            try:
                yield
            except BaseException:
                scope.initialize_variables = False
                raise
    except BaseException:
        keras.utils.clear_session()  # Keras keeps a list of weights yet to be made
        raise


def _check_weights(model: Any, held: int, name: str) -> None:
    """A configuration alone can ask for any number of weights: never for more than lie in the file."""
    asked = sum(_count(weight) for weight in model.weights)
    if asked <= held + _SLACK:
        return
    largest = max(model.weights, key=_count)
    raise ModelError(
        f"{name}: asks for {asked} weights, but holds {held}: weight '{largest.path}' has shape {tuple(largest.shape)}",
        hint="the file is damaged: save it again with model.save(...)",
    )


def _count(weight: Any) -> int:
    count = 1
    for size in weight.shape:
        count *= int(size)
    return count


def reason(error: BaseException) -> str:
    """What an exception of Keras or TensorFlow is about, in one line of at most 300 characters.

    They put it after a head of their own, between the codes for bold type.
    """
    text = str(error)
    if "Exception encountered: " in text:
        text = text.rsplit("Exception encountered: ", 1)[1]
    if bold := re.search(r"\x1b\[1m(.+?)\x1b\[0m", text, re.DOTALL):
        text = bold[1]
    lines = [line.strip() for line in re.sub(r"\x1b\[\d*m", "", text).splitlines() if line.strip()]
    if lines[:1] == ["in user code:"]:  # what follows first is the way there
        lines = [line for line in lines if re.match(r"\w+(Error|Exception): ", line)]
    return (lines[0] if lines else type(error).__name__)[:300]
