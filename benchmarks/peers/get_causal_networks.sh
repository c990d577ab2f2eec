#!/bin/sh
# Take the Bayesian networks that bench_dcm_networks.py reads out of the pgmpy package, without installing it:
# get_causal_networks.sh FOLDER
set -eu
folder=${1:?usage: get_causal_networks.sh FOLDER}
python=${PYTHON:-python3}

mkdir -p "$folder"
"$python" -m pip download --quiet --no-deps --dest "$folder" pgmpy==1.1.2
"$python" - "$folder" <<'END'
import gzip, pathlib, sys, zipfile

folder = pathlib.Path(sys.argv[1])
with zipfile.ZipFile(next(folder.glob("pgmpy-*.whl"))) as archive:
    for name in ("asia", "insurance", "alarm"):
        packed = archive.read(f"pgmpy/utils/example_models/{name}.bif.gz")
        (folder / f"{name}.bif").write_bytes(gzip.decompress(packed))
END
