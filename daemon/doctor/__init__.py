"""`transcribed doctor`: what is wrong with this machine, its configuration and its service, each with a cure."""
