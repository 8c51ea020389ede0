"""The commands of `dreamtuner`, one file each or a few related ones; each imports what it needs when run."""
