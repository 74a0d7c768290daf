"""The daemon watches itself: samples of the machine and the service, and alerts that are true."""
