"""Networks of which TFLite builtins run a part: who runs what, the builtins quantized, both in one .tflite."""
