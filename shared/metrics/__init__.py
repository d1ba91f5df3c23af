"""How good predictions are: AUC, log-loss, Brier score and calibration, each with its 95 % interval."""
