"""Clinical variables: their schema, their encoding, federated statistics and the clinical logistic model."""
