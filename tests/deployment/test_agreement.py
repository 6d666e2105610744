import pytest
import torch

from mmseg_coop.deployment.export.agreement import measure_agreement


def made(probability: float, label: int) -> dict:
    """A binary prediction: sure background, and a pixel with this probability."""
    shares = torch.full((1, 1, 2, 2), 0.05)
    shares[..., 0, 0] = probability
    labels = torch.zeros(1, 2, 2, dtype=torch.long)
    labels[:, 0, 0] = label
    return dict(probabilities=shares, label=labels)


def test_binary_labels_may_differ_at_the_threshold_only():
    assert measure_agreement(made(0.9, 1), made(0.9, 1), 0.5).ties == 0
    for expected, found in ((1, 0), (0, 1)):
        with pytest.raises(ValueError, match='1 labels differ'):
            measure_agreement(made(0.9, expected), made(0.9, found), 0.5)
    assert measure_agreement(made(0.40005, 1), made(0.40005, 0), 0.4).ties == 1


def test_all_binary_labels_are_wrong():
    shares = torch.full((1, 1, 4, 4), 0.9)
    labels = torch.ones(1, 4, 4, dtype=torch.long)
    expected = dict(probabilities=shares, label=labels)
    with pytest.raises(ValueError, match='16 labels differ'):
        measure_agreement(expected, dict(expected, label=labels - 1), 0.5)


def test_classes_may_differ_where_they_tie_only():
    shares = torch.tensor([0.39995, 0.4, 0.20005])[None, :, None, None]
    expected = dict(probabilities=shares, label=torch.ones(1, 1, 1, dtype=torch.long))
    tie = dict(expected, label=expected['label'] - 1)
    assert measure_agreement(expected, tie).ties == 1
    with pytest.raises(ValueError, match='1 labels differ'):
        measure_agreement(expected, dict(expected, label=expected['label'] + 1))
