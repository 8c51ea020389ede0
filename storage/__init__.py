"""The catalog (SQL) and the object store (disk or S3); this package never imports torch."""
