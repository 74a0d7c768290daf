"""Alembic's environment: one transaction per upgrade, begun with BEGIN IMMEDIATE, so a kill leaves the old schema."""

from alembic import context

engine = context.config.attributes["engine"]

with engine.begin() as connection:
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
