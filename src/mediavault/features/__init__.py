"""What users do: a folder for each feature, with the service that API,
pages and command line call.
"""
