"""Export to ONNX and TensorRT, with a comparison to the original network."""
