"""What is sent and answered, from which the OpenAPI document is generated."""
