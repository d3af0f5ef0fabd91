"""Sites as users see them: their limits."""
