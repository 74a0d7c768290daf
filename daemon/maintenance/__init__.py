"""What is done now and then: backups, old rows, leftover files, the check of the model."""
