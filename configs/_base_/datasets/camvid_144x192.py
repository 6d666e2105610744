# CamVid at 144 x 192, in four crops of 96 x 128 to train: an eighth of the pixels of
# camvid.py. Predictions are resized to the labels' 360 x 480 all the same.
_base_ = './camvid.py'
crop_size = (96, 128)
scale = (192, 144)
data_preprocessor = dict(size=crop_size)
train_pipeline = _base_.train_pipeline
# The smallest has the size of a crop.
train_pipeline[2].update(scale=scale, ratio_range=(0.67, 1.5))
train_pipeline[3].crop_size = crop_size
test_pipeline = _base_.test_pipeline
test_pipeline[1].scale = scale
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
