"""Random faults from a seed, against a model of what must have arrived. See `__main__`."""
