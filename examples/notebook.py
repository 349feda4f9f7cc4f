# %% [markdown]
# # From a Keras model in memory to a simulated Cortex-M4F
# Cells as editors and Jupyter (jupytext) know them; `python examples/notebook.py` runs them all. It needs `dqa-convert[keras]`,
# and for the last cells the cross compiler and QEMU (`dqa doctor`).

# %% A task: which of three shapes a noisy signal of 64 values has
import keras
import numpy as np

import dqa

keras.utils.set_random_seed(1)
random = np.random.default_rng(1)


def signals(count: int) -> tuple[np.ndarray, np.ndarray]:
    """x (count, 64, 1) float32 and y (count,): sine, square or sawtooth of any phase and period, with noise."""
    y = random.integers(0, 3, count)
    phase = random.uniform(0, 1, (count, 1)) + np.arange(64) / random.uniform(12, 30, (count, 1))
    turn = phase % 1
    shapes = np.stack([np.sin(2 * np.pi * turn), np.sign(turn - 0.5), 2 * turn - 1])
    x = shapes[y, np.arange(count)] + random.normal(0, 0.2, (count, 64))
    return x[..., None].astype(np.float32), y


x, y = signals(3000)
x_test, y_test = signals(500)

# %% A small network
model = keras.Sequential(
    [
        keras.Input((64, 1)),
        keras.layers.Conv1D(8, 5, strides=2, activation="relu"),
        keras.layers.Conv1D(16, 5, strides=2, activation="relu"),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(3, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, y, epochs=12, batch_size=64, verbose=0)

# %% Before converting: what it takes, which boards it fits
analysis = dqa.analyze(model)
print(analysis.ram, analysis.flash)
print(*analysis.next, sep="\n")

# %% Convert: some hundred samples of what it will see; with labels the metric is measured, too
small = dqa.convert(model, (x[:400], y[:400]))
print(small)  # a notebook shows the table: small

# %% How good it is, beside the float model
result = small.evaluate(x_test, y_test, classes=["sine", "square", "sawtooth"])
print(f"{result.metric}: dqa {result.value:.3f}, float {result.float_value:.3f}")

# %% What it answers: numpy in, numpy out, the integer program's answers
print(small.predict(x_test[:2]))
print(model.predict(x_test[:2], verbose=0))

# %% Firmware for a board, and the same on a simulated one: every answer compared with this machine's
firmware = small.build("mps2_an386")
print(f"flash: code {firmware.flash_code:,} + model {firmware.flash_model:,} bytes, RAM of the model {firmware.ram_model:,} bytes")
on_board = small.simulate("mps2_an386", x_test, y_test, limit=10)
print(f"equal to this machine: {on_board.agreement}, instructions: {on_board.instructions:,}")

# %% Keep it: C sources, firmware project, report
kept = small.save("out/shapes")
print(kept.out / "report.html")
