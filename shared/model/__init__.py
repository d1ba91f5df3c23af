"""The fusion model, its packed weights, its fingerprint, and the saved model."""
