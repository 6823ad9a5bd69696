"""All comparisons, an area a module, each of which has `SCENARIOS`."""
