"""DreamBench and DreamBench++, which papers quote: their sets, one pinned protocol each, figures and pages."""
