"""Arranges review queues: near-duplicates in stacks, and triage by what the team has kept."""
