"""The commands of `dreamtuner`, a file each, or a few that belong together; they import what they need when run."""
