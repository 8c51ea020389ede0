"""What the method is compared with in Table 1: one method, one file, which states what differs and what was tried."""
