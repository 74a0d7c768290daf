"""What a daemon and a server that is one, too, say to each other: several chunks at once, and what was heard."""
