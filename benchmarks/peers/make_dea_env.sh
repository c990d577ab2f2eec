#!/bin/sh
# Make the environments of the rivals that bench_dea.py runs as separate programs: make_dea_env.sh FOLDER
# Two are needed, since dealib asks for numpy 1 and pyDEA for an old PuLP.
set -eu
folder=${1:?usage: make_dea_env.sh FOLDER}
python=${PYTHON:-python3}

"$python" -m venv "$folder/new"
"$folder/new/bin/pip" install --quiet highspy==1.15.1 numpy==2.4.6 scipy==1.17.1

"$python" -m venv "$folder/old"
"$folder/old/bin/pip" install --quiet dealib==1.0.0 Pyfrontier==1.1.1 "pulp<3"
