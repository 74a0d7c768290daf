"""What is done now and then: backups, old rows, left-over files, the check of the model."""
