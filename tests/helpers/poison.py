"""Images, features, weights and gradients that are made not finite."""

from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from mmseg_coop.unwrap import unwrap

INF = float('inf')


class Constant:
    """Add an infinite constant to a head's loss, whose gradients stay finite."""

    def __init__(self, head):
        self.head, loss = head, head.loss_by_feat
        head.loss_by_feat = lambda *args: {k: v + INF for k, v in loss(*args).items()}

    def remove(self):
        del self.head.loss_by_feat


@HOOKS.register_module()
class PoisonHook(Hook):
    """Make something of the first network, or of its input, not finite.

    Args:
        what: ``image``, ``feature``, ``weight``, ``gradient`` or ``loss``, a constant.
        at: The iterations, from 0.
        path: The module whose output it is, or the parameter.
    """

    priority = 'LOWEST'

    def __init__(self, what, at, path=None):
        self.what, self.at, self.path = what, at, path

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.handles = []
        for i, sample in enumerate(data_batch['data_samples']):
            sample.set_metainfo(dict(img_path=f'street_{batch_idx}_{i}.png'))
        if batch_idx not in self.at:
            return
        model = unwrap(runner.model)
        if self.what == 'image':
            image = data_batch['inputs'][0].float()
            image[0, 0, 0] = float('nan')
            data_batch['inputs'][0] = image
        elif self.what == 'feature':
            module = model.get_submodule(self.path)
            self.handles = [module.register_forward_hook(lambda m, i, o: o / 0)]
        elif self.what == 'weight':
            model.get_parameter(self.path).data[0] = float('inf')
        elif self.what == 'loss':
            head = model.get_submodule(self.path)
            self.handles = [Constant(head)]
        else:
            weight = model.get_parameter(self.path)
            self.handles = [weight.register_hook(lambda g: g * float('inf'))]

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        for handle in self.handles:
            handle.remove()


def poison(what, at=(1,), path=None):
    """Config of a ``PoisonHook``."""
    return dict(type='PoisonHook', what=what, at=at, path=path)
