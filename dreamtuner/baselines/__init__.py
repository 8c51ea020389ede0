"""The methods of Table 1: one file per method, which states how it differs and which settings were tried."""
