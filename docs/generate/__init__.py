"""Writes the pages of the documentation that the code itself determines: models, settings, commands, rooms, API."""
