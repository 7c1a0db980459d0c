"""Asking the brokers: how to connect, where to start, and what there is."""
