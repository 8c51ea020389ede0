"""Commands about where pictures come from, and who did what: `inspect`, `marks`, `replay`, `audit`."""
