"""What the daemon is told: config.toml, checked and frozen, and what follows from it."""
