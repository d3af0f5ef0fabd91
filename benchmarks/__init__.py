"""Measurements beside peers, in one run on one machine. No part of the package."""
