"""What programs over /api/v1 leave: keyed requests, orders, uploads, exports, webhooks and their deliveries."""
