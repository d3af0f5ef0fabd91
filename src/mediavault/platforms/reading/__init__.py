"""What the readers of several sites share."""
