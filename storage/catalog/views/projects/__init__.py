"""Projects, their people and quotas, and links for clients."""
