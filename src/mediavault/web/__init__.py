"""The pages, and the application that serves them and the API."""
