"""Who may do what: rights, login throttling, body limits."""
