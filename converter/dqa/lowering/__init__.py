"""From a graph and its decisions to a DQA program and the .tflite that carries it."""
