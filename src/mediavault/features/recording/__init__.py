"""Recording: streams that are running are recorded, and a user can stop that."""
