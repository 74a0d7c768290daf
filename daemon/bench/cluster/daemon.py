"""`transcribed` as it is, but for decoders that only send and a link whose agents' engines are threads."""

import runpy

from daemon.bench.cluster import link
from daemon.bench.load import decoder
from daemon.processes import cluster, decoder_pool

if __name__ == "__main__":
    decoder_pool.MODULE = decoder.__name__
    cluster.MODULE = link.__name__
    runpy.run_module("daemon", run_name="__main__")
