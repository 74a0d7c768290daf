"""What engines on a Ray cluster cost the daemon, `bench cluster`: measured on this machine, and computed for others."""
