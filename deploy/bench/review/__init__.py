"""`dreamtuner bench review`: how soon the next picture is there, in a real browser."""
