#!/bin/sh
# Make an environment in which bench_som.py runs the map of modpart beside those of MiniSom and susi: make_som_env.sh FOLDER
# modpart.efficiency needs no torch, so none is installed; run with PYTHONPATH set to the repository.
set -eu
folder=${1:?usage: make_som_env.sh FOLDER}
python=${PYTHON:-python3}
here=$(dirname "$0")

"$python" -m venv "$folder"
"$folder/bin/pip" install --quiet -c "$here/../../constraints.txt" numpy scipy pandas scikit-learn joblib threadpoolctl networkx
"$folder/bin/pip" install --quiet minisom==2.3.6 susi==1.4.3
