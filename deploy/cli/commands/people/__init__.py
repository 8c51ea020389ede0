"""Commands about people and what belongs to them."""
