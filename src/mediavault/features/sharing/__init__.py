"""Links that show one video to everyone who has them."""
