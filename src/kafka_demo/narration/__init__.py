"""What kafka-demo says: narration, errors and the glossary."""
