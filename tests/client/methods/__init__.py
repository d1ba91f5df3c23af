"""Methods at a site."""
