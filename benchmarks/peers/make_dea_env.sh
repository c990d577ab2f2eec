#!/bin/sh
# Make the environments of the rivals that bench_dea.py runs as separate programs: make_dea_env.sh FOLDER
# Three are needed: dealib asks for numpy 1 and pyDEA for an old PuLP (and names packages it does not use here).
set -eu
folder=${1:?usage: make_dea_env.sh FOLDER}
python=${PYTHON:-python3}

"$python" -m venv "$folder/new"
"$folder/new/bin/pip" install --quiet highspy==1.15.1 numpy==2.4.6 scipy==1.17.1

"$python" -m venv "$folder/old"
"$folder/old/bin/pip" install --quiet dealib==1.0.0 Pyfrontier==1.1.1 "pulp<3"
"$folder/old/bin/pip" install --quiet --no-deps pyDEA==1.6

"$python" -m venv "$folder/stoned"
"$folder/stoned/bin/pip" install --quiet pystoned==0.7.5 highspy==1.15.1
