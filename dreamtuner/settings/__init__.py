"""All settings of the method with their symbols, defaults and sources. No torch."""
