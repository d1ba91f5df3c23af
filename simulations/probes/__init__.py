"""Shortcut probes: what a model's view of an image gives away that is not the tumour.

Hospitals differ in their scanners and in how often their patients respond. A model that recognises the hospital or the
scanner can use its rate of pCR instead of the tumour, and looks good until it meets another hospital (Zech et al., PLoS
Medicine 15:e1002683, 2018). So beside every result with images stands how well a linear classifier tells sites and
vendors apart from the model's image embedding (a probe: Alain & Bengio, arXiv 1610.01644), against what is found by
chance, in shuffled labels, from the clinical variables alone (patients of two hospitals may differ for good reason) and
from the brightness of the images that the model is given: what it could have learnt.

| file | what it is for |
|---|---|
| `probe.py` | one probe: embedding and labels to balanced accuracy and AUC with intervals and controls |
| `whereabouts.py` | who was treated where and scanned by whose machine |
| `intensities.py` | how bright an image is |
| `beside.py` | all probes of a model, as JSON, as a table, in words |

On the synthetic cohort (320 patients, four hospitals, eight rounds, one seed) the images' brightness tells three
vendors apart with a balanced accuracy of .69 [.64, .74], the trained model's embedding with .41 [.35, .47], no more
than the best of the shuffles. Without the pre-contrast channel (``site.imaging.channels``) it is .58 and .32.

A probe that finds nothing shows that there is nothing a linear classifier finds in so many patients, not that there is
nothing; one that finds the site does not show that the model uses it: leave-one-site-out studies show what it costs.
"""
