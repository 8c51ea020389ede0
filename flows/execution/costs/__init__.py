"""What a run spends on devices, counted, shared among its cells, and limited."""
