"""Subject-driven fine-tuning (Sec. 3.3, App. A): its training pairs, its stage, and the resulting checkpoint."""
