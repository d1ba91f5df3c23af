"""A site's part of a round: data, order of batches, device, and the loop."""
