"""Transposed convolutions of Keras that TensorFlow cannot run: dilated ones as convolutions, the others refused.

Without strides, which Keras forbids beside a dilation, output row y sums weight k * input row i wherever y + pad = i + k * dilation.
That is the convolution of the same dilation with the kernel turned round, whose padding before is what the kernel reaches less pad.
"""

from __future__ import annotations

from typing import Any

from dqa.errors import ModelError


def dilated_as_convolutions(model: Any, name: str) -> None:
    """Has the dilated ones in a Keras model, nested models included, computed as convolutions; weights and configuration stay.

    Raises ModelError, calling the file `name`, where TensorFlow has no output of the size that Keras promises.
    """
    import keras

    for layer in model._flatten_layers():
        if not isinstance(layer, keras.layers.Conv1DTranspose | keras.layers.Conv2DTranspose):
            continue
        reach = [(k - 1) * d for k, d in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
        padding = layer.output_padding
        beyond = padding if isinstance(padding, list | tuple) else [padding] * layer.rank
        if layer.padding == "same" and any(r % 2 == 1 and p == 0 for r, p in zip(reach, beyond, strict=True)):
            raise ModelError(
                f"{name}: layer '{layer.name}': an even kernel with padding='same' and output_padding=0 has no equal in TensorFlow",
                hint="leave output_padding out, or give it 1 where strides are larger than 1",
            )
        if max(layer.dilation_rate) > 1 and layer.data_format == "channels_last":
            layer.call = _convolution(layer, reach)


def _convolution(layer: Any, reach: list[int]) -> Any:
    from keras import ops

    after = [r // 2 if layer.padding == "same" else r for r in reach]
    before = [r - r // 2 if layer.padding == "same" else r for r in reach]
    pads = [(0, 0), *zip(before, after, strict=True), (0, 0)]

    def call(inputs: Any) -> Any:
        kernel = ops.swapaxes(ops.flip(layer.kernel, tuple(range(layer.rank))), -1, -2)
        sums = ops.conv(ops.pad(inputs, pads), kernel, 1, "valid", dilation_rate=layer.dilation_rate)
        sums = ops.add(sums, layer.bias) if layer.use_bias else sums
        return sums if layer.activation is None else layer.activation(sums)

    return call
