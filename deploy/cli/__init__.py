"""The command line: options, terminal, tables, errors and exit codes."""
