"""Alembic's migrations of the catalog, shipped in the package; storage.catalog.migrate runs them.

A change of the tables in storage.catalog.schema comes with a new file versions/v<number>_<what>.py that goes up and down
without losing what both revisions can hold; test_migrations.py fails until the two agree.
"""
