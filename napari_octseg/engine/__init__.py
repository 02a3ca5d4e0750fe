"""The engine: devices, pre-processing, inference, post-processing and training."""
