"""Writes of people, sessions, tokens and throttles."""
