"""The doctor: checks what this machine has and what it lacks, and says exactly what helps."""
