"""How the method is measured: held-out subjects, measures, ablations, intervals."""
