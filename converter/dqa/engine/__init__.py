"""Runs programs on the host: the executor's own C (compile, host) and TensorFlow Lite Micro's interpreter."""
