#!/usr/bin/env bash
# A stand-in for Miniforge's installer where GitHub's releases are not reachable. It takes the installer's arguments
# (-b -p FOLDER) and leaves a `conda` there whose `create` makes a virtual environment of the base's own Python.
set -e
while getopts bp: option; do
    if [ "$option" = p ]; then folder=$OPTARG; fi
done
mkdir -p "$folder/bin"
cat >"$folder/bin/conda" <<'CONDA'
#!/usr/bin/env bash
set -e
[ "$1" = create ] || { echo "the stand-in of conda knows only create" >&2; exit 2; }
[[ " $* " == *" --override-channels --channel conda-forge "* ]] || { echo "not from conda-forge alone: $*" >&2; exit 2; }
while [ "$1" != --prefix ]; do shift; done
exec python3 -m venv "$2"
CONDA
chmod +x "$folder/bin/conda"
