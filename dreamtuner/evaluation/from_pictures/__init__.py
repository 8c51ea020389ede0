"""Measures generated pictures as further references: edits of one picture, and sets whose cells see the first one."""
