"""The conditioning starts as the identity and, once moved, depends on the clinical vector."""

import torch

from fedchemo.shared.model.film import Film


def film(modulation):
    made = Film(channels=4, features=2, bottleneck=3)
    with torch.no_grad():
        made.squeeze.weight.fill_(0.5)
        made.squeeze.bias.zero_()
        made.modulation.weight.fill_(modulation)
        made.modulation.bias.zero_()
    return made


def test_scale_is_one_and_shift_zero_at_first():
    feature_map = torch.arange(2 * 4 * 8, dtype=torch.float32).view(2, 4, 2, 2, 2)
    assert torch.equal(film(0.0)(feature_map, torch.ones(2, 2)), feature_map)


def test_scale_and_shift_as_computed_by_hand():
    feature_map = torch.ones(1, 4, 2, 2, 2)
    # Each bottleneck unit sees four channel means of 1 and two clinical values of 3: 0.5 (4 + 6) = 5; three of
    # them by 0.1 change the scale by 1.5 and shift by 1.5.
    found = film(0.1)(feature_map, torch.full((1, 2), 3.0))
    torch.testing.assert_close(found, torch.full_like(found, 1 * (1 + 1.5) + 1.5))


def test_each_patient_has_its_own():
    feature_map = torch.ones(2, 4, 2, 2, 2)
    found = film(0.1)(feature_map, torch.tensor([[3.0, 3.0], [0.0, 0.0]]))
    assert not torch.equal(found[0], found[1])
    torch.testing.assert_close(found[1:], film(0.1)(feature_map[1:], torch.zeros(1, 2)))
