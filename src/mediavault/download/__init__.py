"""Gets the bytes of a candidate, whole or not at all."""
