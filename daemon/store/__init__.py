"""jobs.db: every read and every change of the database."""
