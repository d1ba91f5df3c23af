"""The round loop: exchanges with the sites, aggregation, choice of the best round."""
