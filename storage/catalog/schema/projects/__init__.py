"""Projects: whose subjects and runs are whose, what they may spend, and the links that clients open."""
