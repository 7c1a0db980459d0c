"""Learn Kafka from the command line: produce, consume, stop, and see what Kafka does."""
