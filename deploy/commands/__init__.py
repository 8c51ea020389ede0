"""The commands of `dreamtuner`, one file each; they import what they need when they run."""
