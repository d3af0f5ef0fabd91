"""From a page to candidates, from candidates to the one that is saved."""
