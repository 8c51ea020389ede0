"""What programs over /api/v1 ask for: runs and cells in pages, their requests, webhooks and deliveries."""
