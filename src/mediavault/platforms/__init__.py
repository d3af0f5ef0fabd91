"""Facts about sites, one package per site, and the registry that reads URLs by them."""
