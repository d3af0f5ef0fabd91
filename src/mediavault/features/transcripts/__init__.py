"""Transcripts: what is said in saved videos and commented on posts, found by searches and shown."""
