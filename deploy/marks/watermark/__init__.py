"""The imperceptible watermark: a spread-spectrum signal in the picture's luma, which survives JPEG and resizing.

No weights and no search: everything is defined on a picture's own frequencies, in cycles per picture, which resizing
leaves where they are. `embed.py` writes it, `detect.py` reads it, and both share `spectrum.py` (where it is),
`pattern.py` (the signs that everyone knows) and `payload.py` (what it says).
"""
