"""How much drawing with a reference costs beside the plain model: counted, timed, and against the slow and obvious."""
