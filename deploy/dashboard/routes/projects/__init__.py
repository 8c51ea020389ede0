"""Projects, links for clients, and the page that a client sees."""
