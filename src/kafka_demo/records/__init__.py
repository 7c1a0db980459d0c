"""Where records come from and where they go: lines, JSON and sample events in; text and JSON out."""
