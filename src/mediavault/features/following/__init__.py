"""Following: accounts, lists and feeds whose new posts are saved."""
