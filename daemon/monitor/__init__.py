"""The daemon watches itself: it samples the machine and the service, and raises alerts."""
