"""Alembic's entry: it migrates the connection that storage.catalog.migrate hands over, inside its transaction."""

from alembic import context

from storage.catalog.database.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
    render_as_batch=True,  # SQLite alters a table by recreating it
)
with context.begin_transaction():
    context.run_migrations()
