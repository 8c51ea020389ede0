-- The database of Prefect's server, beside the catalog's; run once, when PostgreSQL's volume is new.
CREATE DATABASE prefect OWNER dreamtuner;
