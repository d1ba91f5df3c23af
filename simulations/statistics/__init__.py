"""Statistics of studies: pure functions over labels, probabilities, sites and seeds.

Every figure is an `Estimate` (value, low, high, n, method) or, where it is held against a number, a `Contrast` (the
same with standard error, degrees of freedom and p); None means that the patients cannot tell. Intervals are
95 %. Probabilities are (n,), or (seeds, n) where a method was trained with several; patients are best sorted by
identifier. Whatever draws takes a generator from `fedchemo.shared.randomness`, so the same seed gives the same
figures. Only NumPy and SciPy are needed; statsmodels, scikit-learn, MLstatkit and figures of dcurves check it.

| question | function |
|---|---|
| how good is a model | `delong.auc_estimate`; over several seeds `paired.mean_auc`; any figure `resampling.bootstrap` |
| would it be so at other hospitals | `delong.clustered_auc`, `resampling.BySite`, `random_effects.auc_over_sites` |
| which of two is better, on the same patients | `paired.paired_auc` (AUC, exact), `paired.paired` (any figure) |
| and within each site | `random_effects.differences_over_sites` |
| which of many differ | `paired.compare_methods` with `multiplicity.holm`; all at once `delong.all_equal` |
| is one as good as the other | `equivalence.against_margin`: "no difference detected" is not "equal" |
| what could these patients show at all | `power.sample_at_hand`, `power.simulated_detectable` |
| are the probabilities true | `calibration.calibration`, `calibration.smooth_curve`, `calibration.brier_parts` |
| does acting on it help | `decision_curve.decision_curve` |
| how many are found at which price | `roc.roc_with_band` |
| whom does it pick | `precision_recall.average_precision`, `precision_recall.precision_recall` |
| is it fair | `subgroups.tables`, `subgroups.gap` |
| all of this without pooling predictions | `fedchemo.server.evaluation.evaluate` on the sites' histograms |
| mend its probabilities likewise | `federated_calibration.temperature`, `.recalibrate`, `.site_intercepts` |

`weighted` holds the figures that can be resampled, `estimate` the results; the fits they share are in
`fedchemo.shared.metrics.logit`.
"""
