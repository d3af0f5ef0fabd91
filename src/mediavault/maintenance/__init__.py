"""Maintenance of a vault: move, back up, verify, rebuild from its library, import a folder."""
