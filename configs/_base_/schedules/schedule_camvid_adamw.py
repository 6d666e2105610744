# As schedule_camvid.py, with AdamW: transformers hardly learn with SGD. The rate is
# ours, for networks that start without pretrained weights.
_base_ = './schedule_camvid.py'
optim_wrapper = dict(
    optimizer=dict(
        _delete_=True, type='AdamW', lr=0.0005, betas=(0.9, 0.999), weight_decay=0.01
    )
)
