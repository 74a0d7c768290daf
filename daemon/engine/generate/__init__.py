"""What the encoder heard -> tokens."""
