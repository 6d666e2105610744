import cv2
import numpy as np
import pytest

from mmseg_coop.command_line.sources import Sources

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
KINDS = {
    'color.jpg': PICTURE,
    'grey.png': PICTURE[..., 0],
    'transparent.png': np.dstack([PICTURE, PICTURE[..., 0]]),
    'deep.png': PICTURE.astype(np.uint16) * 257,
    'deep_grey.tif': PICTURE[..., 0].astype(np.uint16) * 257,
}


@pytest.fixture
def folder(tmp_path):
    """A folder with images of all kinds, one that is none, and one below."""
    for name, pixels in KINDS.items():
        assert cv2.imwrite(str(tmp_path / name), pixels)
    (tmp_path / 'broken.png').write_bytes(b'no image')
    (tmp_path / 'below').mkdir()
    cv2.imwrite(str(tmp_path / 'below' / 'color.png'), PICTURE)
    (tmp_path / 'notes.txt').write_text('no image')
    return tmp_path


def test_a_folder(folder):
    sources = Sources([str(folder)])
    frames = {frame.name: frame for frame in sources}
    assert sources.count == len(frames) == len(KINDS) + 2
    assert frames['below/color'].image == str(folder / 'below' / 'color.png')


def test_a_glob_and_files_of_the_same_name(folder):
    found = [str(folder / '**' / 'color.*'), str(folder / 'color.jpg')]
    names = [frame.name for frame in Sources(found)]
    assert names == ['color', 'color_2', 'color_3']


def test_linked_folders_and_folders_named_like_images(folder):
    elsewhere = folder / 'elsewhere'
    elsewhere.mkdir()
    (elsewhere / 'linked').symlink_to(folder / 'below')
    (elsewhere / 'folder.png').mkdir()
    for source in (elsewhere, f'{elsewhere}/**/*.png'):
        (frame,) = Sources([str(source)])
        assert frame.image.endswith('linked/color.png')


def film(path) -> str:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 5, (32, 24))
    for i in range(3):
        writer.write(np.full((24, 32, 3), 80 * i, np.uint8))
    writer.release()
    return str(path)


def test_a_video_beside_a_folder_of_its_name(tmp_path):
    film(tmp_path / 'drive.avi')
    (tmp_path / 'drive').mkdir()
    cv2.imwrite(str(tmp_path / 'drive' / '000000.jpg'), PICTURE)
    names = [frame.name for frame in Sources([str(tmp_path)])]
    assert len(set(names)) == 4 and names.count('drive/000000') == 1


def test_a_video(tmp_path):
    path = film(tmp_path / 'drive.avi')
    sources = Sources([path])
    frames = list(sources)
    assert sources.count is None and [f.rate for f in frames] == [5.0] * 3
    assert [f.name for f in frames] == [f'drive/{i:06d}' for i in range(3)]
    means = [f.image.mean() for f in frames]
    assert np.allclose(means, [0, 80, 160], atol=3)


def test_a_video_or_camera_that_is_none(tmp_path):
    (tmp_path / 'drive.mp4').write_bytes(b'no video')
    for source in (str(tmp_path / 'drive.mp4'), '97'):
        frames = list(Sources([source]))
        assert len(frames) == 1 and frames[0].image == source


def test_errors(folder):
    (folder / 'empty').mkdir()
    for name in ('empty', 'nothing.png', '*.gif', 'notes.txt'):
        source = str(folder / name)
        with pytest.raises(FileNotFoundError, match='no image or video'):
            Sources([source])
