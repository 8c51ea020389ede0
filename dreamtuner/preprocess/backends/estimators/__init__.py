"""Estimators of depth and poses by models, one file each; torch and onnxruntime are loaded when one is used."""
