"""Facts about sites, one file a site, and the registry that reads addresses by them."""
