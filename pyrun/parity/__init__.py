"""pyrun beside Docker: the same lines typed into both, their outputs compared, differences explained or reported."""
