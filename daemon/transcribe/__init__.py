"""The dispatcher's thread: which job, which window, which batch comes next, and what becomes of it."""
