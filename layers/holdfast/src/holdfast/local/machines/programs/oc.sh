# shellcheck shell=sh
# oc on a machine: our stand-in, by the Python and the sources that machines have.
python=$(echo /opt/python/bin/python3.[0-9]*[0-9])
PYTHONHOME=/opt/python PYTHONPATH=/opt/holdfast LD_LIBRARY_PATH=/opt/python/lib \
	exec "$python" -S -B -m holdfast.local.machines.oc "$@"
