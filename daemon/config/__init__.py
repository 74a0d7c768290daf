"""The configuration: config.toml, checked and frozen, and what follows from it."""
