"""Captioners and estimators by models of transformers, one file each; torch is loaded when one of them is used."""
