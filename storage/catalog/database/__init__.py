"""The two databases below the catalog: engines, dialects, retries."""
