"""Everything that kafka-demo says: narration, errors and the glossary."""
