"""What the API, the pages and the command line all say: shapes of answers, labels, translations."""
