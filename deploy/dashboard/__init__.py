"""The dashboard, where people review and compare pictures and start runs. It uses storage, and Prefect by HTTP."""
