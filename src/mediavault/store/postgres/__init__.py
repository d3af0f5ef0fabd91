"""The store of a fleet, on PostgreSQL."""
