"""The commands of a checkout and the servers they start; only the standard library, since nothing else is there yet."""
