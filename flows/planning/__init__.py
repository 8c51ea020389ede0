"""Spec and facts in, cells out; and what is checked before anything is made."""
