"""What runs the network: torch, compiled, captured; ONNX Runtime, OpenVINO, TensorRT."""
