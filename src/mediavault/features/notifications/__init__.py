"""Notifies others of what happens in the vault, by webhooks and Apprise's services."""
