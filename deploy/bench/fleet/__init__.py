"""How much faster several processes generate a run than one, with a generator that only waits."""
