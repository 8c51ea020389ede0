"""The catalog of what exists (SQL) and the store of what it is made of (objects on disk or S3); no torch lives here."""
