"""What is to be tried and measured on a machine with a GPU, and what carries it there."""
