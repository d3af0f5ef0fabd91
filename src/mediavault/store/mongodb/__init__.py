"""The store of a fleet, on MongoDB."""
