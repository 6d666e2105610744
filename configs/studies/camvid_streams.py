# Separate streams of DANet's two attentions, as in the paper, or mixed ones. As long as
# camvid_pretrained.py, with three seeds.
_base_ = './camvid_pretrained.py'
_multi = '../coop/danet_effnetlite0_multi_camvid.py'
methods = dict(
    _delete_=True,
    danet_multi_300=dict(config=_multi),
    danet_mix_streams_300=dict(
        config=_multi, options={'model.connections.mix_streams': True}
    ),
    danet_single_300=dict(config='../coop/danet_effnetlite0_single_camvid.py'),
)
baselines = dict(_delete_=True, single=['danet_single_300'], multi=['danet_multi_300'])
