"""Requests to the brokers: how to connect, where to start, and what the cluster has."""
