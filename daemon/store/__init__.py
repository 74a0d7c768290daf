"""jobs.db: all of SQLAlchemy is in this room."""
