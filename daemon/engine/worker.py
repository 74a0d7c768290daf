"""An engine child: one model on one device, batch → segments, several batches at once on shared weights."""

import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection

from daemon.engine.downloads import told
from daemon.engine.registry import FailedElsewhere, Load
from daemon.engine.registry import load as load_engine
from daemon.errors import TranscribedError
from daemon.processes.protocol import BatchDone, BatchFailed, Downloading, RunBatch, Unready


def main(conn: Connection) -> None:
    """Serve with the engine that the daemon names."""
    serve(conn, load_engine)


def serve(conn: Connection, load: Load) -> None:
    """Load the model that the daemon names, say so, and run its batches until it closes the connection."""

    def tell(progress: Downloading) -> None:
        with suppress(BrokenPipeError):
            conn.send(progress)

    wanted = conn.recv()
    try:
        with told(tell):
            runner, ready = load(wanted)
    except TranscribedError as error:
        conn.send(Unready(error.message, error.hint))
        return
    except (RuntimeError, ValueError, OSError) as error:
        conn.send(Unready(str(error), ""))
        return
    except Exception as error:  # an engine of the user's may raise anything
        traceback.print_exc()
        conn.send(Unready(f"the engine failed to load: {type(error).__name__}: {error}", "its traceback is above"))
        return
    conn.send(ready)
    answering = threading.Lock()

    def run(order: RunBatch) -> None:
        began = time.monotonic()
        answer: BatchDone | BatchFailed
        try:
            results = runner.run(order.chunks)
            answer = BatchDone(order.batch_id, results, time.monotonic() - began)
        except FailedElsewhere as failure:
            answer = BatchFailed(
                order.batch_id, str(failure), False, elsewhere=True, away=failure.is_away, wait_s=failure.wait_s
            )
        except Exception as error:  # left unanswered, the batch would be waited for until its deadline
            out_of_memory = isinstance(error, MemoryError) or "out of memory" in str(error).lower()
            says_enough = isinstance(error, RuntimeError | ValueError | MemoryError)
            message = str(error) if says_enough else f"{type(error).__name__}: {error}"
            answer = BatchFailed(order.batch_id, message, out_of_memory)
        with answering, suppress(BrokenPipeError):
            conn.send(answer)

    with ThreadPoolExecutor(ready.workers) as pool:
        while True:
            pool.submit(run, conn.recv())
