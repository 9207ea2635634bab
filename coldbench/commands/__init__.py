"""One module per command: what the command line calls, and what it prints."""
