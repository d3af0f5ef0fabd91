"""What the API, the pages and the command line share: response shapes, labels, translations."""
