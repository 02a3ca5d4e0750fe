"""The same network, faster: rewriting for inference on a CPU."""
