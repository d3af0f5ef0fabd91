"""The commands `follow …`."""
