"""What an order is estimated from: how things are now, and how long they took."""
