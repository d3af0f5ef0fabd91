"""Readers of what sites say about their own posts: pure functions of documents."""
