"""Every number of the method with its symbol, default and source. No torch."""
