"""Login, accounts, users and the audit."""
