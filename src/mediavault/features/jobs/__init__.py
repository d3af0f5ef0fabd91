"""Jobs as users see them: which ones, and what can be done with them."""
