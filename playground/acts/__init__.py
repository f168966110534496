"""The acts: one room each says what its page sets up, and what a reader's choice adds to it."""
