"""The trash as users see it."""
