"""Runtimes: torch (eager, compiled, CUDA graphs), ONNX Runtime, OpenVINO, TensorRT."""
