"""Writes of projects, their people and what they spend, and of links for clients."""
