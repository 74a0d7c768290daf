"""Who speaks: voices, turns, and whose words the lines of a transcript are."""
