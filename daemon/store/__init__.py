"""The database jobs.db: every read and every change of it."""
