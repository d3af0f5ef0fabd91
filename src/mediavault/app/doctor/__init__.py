"""The doctor: what this machine has, what it lacks, and the exact words that help."""
