"""Secrets, passwords, single sign-on, client addresses and security headers."""
