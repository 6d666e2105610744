# Three networks: net1 and net2 both send to net3.
_base_ = './danet_r18_same_camvid.py'
model = dict(
    num_networks=3, connections=dict(pattern='star', aggregation=dict(width=64))
)
