"""Where records come from and where they go: lines, JSON or sample events in, text or JSON out."""
