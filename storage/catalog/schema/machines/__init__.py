"""The tables behind /api/v1: requests that are answered once, uploads, exports, webhooks."""
