"""The paper from top to bottom: subject, reference pass, guidance, schedule, model, loop."""
