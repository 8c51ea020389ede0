"""Who is asking and what they may: secrets, passwords, roles, and the headers that every answer carries."""
