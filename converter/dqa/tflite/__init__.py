"""TFLite flatbuffers, read and written; DQA programs in them."""
