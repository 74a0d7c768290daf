"""The engine `onnx`: models for ONNX Runtime, which onnx-asr runs."""
