"""The dashboard: where people review, compare and order pictures. It reads storage and speaks to Prefect by HTTP."""
