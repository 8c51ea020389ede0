"""The interface for programs, /api/v1: an application of its own below the dashboard's, in the same process."""
