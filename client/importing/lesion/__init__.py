"""How large a tumour is: from an outlined mask, or by its enhancement.

- `volume`: cubic centimetres of a mask
- `functional`: functional tumour volume by the rule of the I-SPY trials
"""
