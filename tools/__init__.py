"""Programs for whoever works on the project; each is run from the root of the repository, and none is installed."""
