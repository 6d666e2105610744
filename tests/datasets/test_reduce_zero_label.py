import pytest
from mmseg.datasets import ADE20KDataset, BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS, TRANSFORMS

from mmseg_coop.datasets import check_reduce_zero_label


@DATASETS.register_module()
class SetsItByItself(BaseSegDataset):
    """A user's dataset whose first label is none."""

    def __init__(self, **kwargs):
        super().__init__(reduce_zero_label=True, **kwargs)


@TRANSFORMS.register_module()
class OwnAnnotations(LoadAnnotations):
    """A user's loader."""


def check(step, **dataset):
    loader = dict(dataset=dict(dataset, pipeline=[dict(type='Resize'), step]))
    check_reduce_zero_label(dict(train_dataloader=loader))


def load(value, kind='LoadAnnotations'):
    return dict(type=kind, reduce_zero_label=value)


@pytest.mark.parametrize(
    ('value', 'dataset'),
    [
        (True, dict(type='CityscapesDataset')),
        (True, dict(type='BaseSegDataset', reduce_zero_label=False)),
        (False, dict(type=ADE20KDataset)),
        (False, dict(type='SetsItByItself')),
    ],
)
def test_a_loader_of_another_opinion(value, dataset):
    with pytest.raises(ValueError) as error:
        check(load(value), **dataset)
    assert str(error.value) == (
        f'train_dataloader.dataset.pipeline[1].reduce_zero_label: found {value}, '
        f'expected {not value} as train_dataloader.dataset has it; set it in the '
        'dataset only'
    )


@pytest.mark.parametrize(
    ('value', 'dataset'),
    [
        (None, dict(type='ADE20KDataset')),
        (True, dict(type='mmseg.ADE20KDataset')),
        (False, dict(type='CityscapesDataset')),
        (True, dict(type='SetsItByItself')),
        # Whatever it is, it is not known here.
        (True, dict(type='NoSuchDataset')),
        (True, dict(type='CityscapesDataset', no_such_option=1)),
    ],
)
def test_the_same_opinion_or_none(value, dataset):
    check(load(value), **dataset)


def test_inside_of_wrappers_and_other_steps():
    step = dict(type='RandomChoice', transforms=[[load(True, 'OwnAnnotations')]])
    leaf = dict(type='CityscapesDataset', pipeline=[step])
    loader = dict(dataset=dict(type='RepeatDataset', times=2, dataset=leaf))
    key = r'dataset.dataset.pipeline\[0\].transforms\[0\]\[0\].reduce_zero_label: found'
    with pytest.raises(ValueError, match=key):
        check_reduce_zero_label(dict(val_dataloader=loader))
