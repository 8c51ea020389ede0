"""The house's keys: who signs the pictures that leave."""
