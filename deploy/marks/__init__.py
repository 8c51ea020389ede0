"""What a picture carries when it leaves the house, and how it is read back.

`marker.py` is the one way out: picture bytes and facts in, marked bytes out. `inspection.py` is the way back. Needs the
extra `marks`.
"""
