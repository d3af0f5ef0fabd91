"""What every other domain may know: records, errors, settings, time, addresses, names.
No I/O but logs.
"""
