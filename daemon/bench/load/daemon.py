"""`transcribed` as it is, but for its decoders, which only read: `python -m daemon.bench.load.daemon run -c FILE`."""

import runpy

from daemon.bench.load import decoder
from daemon.processes import decoder_pool

if __name__ == "__main__":
    decoder_pool.MODULE = decoder.__name__
    runpy.run_module("daemon", run_name="__main__")
