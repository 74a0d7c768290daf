"""What one daemon carries, `bench daemon`: engines, decoders and recordings are made up, so that its own part shows."""
