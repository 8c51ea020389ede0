"""Captioners by models, one file each; torch and onnxruntime are loaded when one of them is used."""
