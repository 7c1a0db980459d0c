"""A broker in this process, for learning and testing without Docker."""
