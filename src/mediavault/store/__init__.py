"""Job stores behind one port. Read port.py first."""
