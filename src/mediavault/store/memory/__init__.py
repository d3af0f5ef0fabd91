"""The contract in plain Python, without a database."""
