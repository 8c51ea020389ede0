"""Webhooks: what is sent, how it is signed, and the loop that sends it."""
