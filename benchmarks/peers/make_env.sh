#!/bin/sh
# Make the environments of the rivals that bench_partition.py runs as separate programs: make_env.sh FOLDER
# Two are needed, since PARC, linear-tree and m5py do not work with newer versions of scikit-learn, nor PARC with numpy 2.4.
set -eu
folder=${1:?usage: make_env.sh FOLDER}
python=${PYTHON:-python3}

"$python" -m venv "$folder/new"
"$folder/new/bin/pip" install --quiet scikit-learn==1.9.1 cubist==1.2.2 datalets==1.0.2

"$python" -m venv "$folder/old"
"$folder/old/bin/pip" install --quiet scikit-learn==1.5.2 numpy==2.2.6 linear-tree==0.3.5 m5py==0.3.3 faiss-cpu matplotlib
"$folder/old/bin/pip" install --quiet --no-deps pyparc==2.0.4
# PARC imports these two, which are hard to build, for plots and for optimising over a fitted model: not used here.
site=$("$folder/old/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
: > "$site/mip.py"
: > "$site/pypoman.py"
