"""The processes that train together: the team, the share of a step that each computes, and of the weights it holds."""
