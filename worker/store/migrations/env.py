"""Alembic's entry: runs the migrations on the connection that `worker.store.engine` hands over."""

from alembic import context

from worker.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
