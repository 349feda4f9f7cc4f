"""Runs programs on the host: the executor's own C (compile, host), its numpy mirror, and TensorFlow Lite Micro's interpreter."""
