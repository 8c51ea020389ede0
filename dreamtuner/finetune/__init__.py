"""Subject-driven fine-tuning (Sec. 3.3, App. A): what of a model learns one subject, from which pairs, and its use."""
