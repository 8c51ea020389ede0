"""Maskers by networks in ONNX, one file each; onnxruntime is loaded when one of them is used."""
