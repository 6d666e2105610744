# DANet, as long as camvid_pretrained.py and with its three seeds: the methods, what a
# sceptic asks of `multi`, and whether its two attentions need separate streams, as in
# the paper.
_base_ = ['./camvid_pretrained.py', '../_base_/studies/larger_networks.py']
_single = '../coop/danet_effnetlite0_single_camvid.py'
_multi = '../coop/danet_effnetlite0_multi_camvid.py'
_changes = dict(
    # Trained on the second loss alone: one network with a second backbone.
    loss2={'model.loss_weights': [0, 1]},
    # The second loss does not train the first network.
    detach={'model.connections.detach': True},
    mix_streams={'model.connections.mix_streams': True},
)
methods = dict(
    _delete_=True,
    danet_single_300=dict(config=_single),
    # The cost of a pair spent on one network: a longer training, or a larger network.
    danet_twice_300=dict(config=_single, options=_base_.methods.twice.options),
    danet_wide_300=dict(config=_single, options=_base_._wide_danet),
    danet_same_300=dict(config='../coop/danet_effnetlite0_same_camvid.py'),
    danet_multi_300=dict(config=_multi),
    **{
        f'danet_{name}_300': dict(config=_multi, options=change)
        for name, change in _changes.items()
    },
)
baselines = dict(
    _delete_=True,
    single=['danet_single_300'],
    multi=['danet_multi_300'],
)
