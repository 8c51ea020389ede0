"""The method: DreamTuner (arXiv 2312.13691) on stock diffusers models. No SQL, no object store, no orchestrator."""
