"""The chief of a search: keras-tuner's oracle for workers in other processes, here or on other machines."""

import os
import time
from concurrent import futures

import grpc
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief, oracle_client

from recipes.errors import RecipeError, TrainingError
from recipes.tuning import working
from recipes.tuning.crew import Crew

ID, IP, PORT = "KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"
SILENCE = 60.0
"""Seconds without a sign of life after which a worker's trial is given to another."""
ABSENCE = 300.0
"""Seconds that a worker waits for a chief that does not answer."""
_FAREWELL = 30.0  # seconds for workers to hear that the search has ended


def role():
    """`chief`, `worker`, or `alone`, by keras-tuner's variables in the environment.

    Raises:
        RecipeError: One of them is set, and another is missing.
    """
    given = [name for name in (ID, IP, PORT) if os.environ.get(name)]
    if not given:
        return "alone"
    if missing := [name for name in (ID, IP, PORT) if name not in given]:
        raise RecipeError(
            f"{' and '.join(given)} is set and {' and '.join(missing)} is not. Over several machines a search "
            "needs all three, the address of the chief everywhere; on one machine none of them, see --workers"
        )
    return "chief" if "chief" in os.environ[ID] else "worker"


def lead(search, oracle, workers=0):
    """Serve the oracle until all trials have ended.

    Args:
        search: A `recipes.tuning.search.Search`.
        oracle: One of `recipes.tuning.oracles`.
        workers: How many to start on this machine; for 0 they come from elsewhere, to the address that the
            environment says.

    Raises:
        RecipeError: The address can't be listened on.
        TrainingError: Workers died again and again, or the first trials all failed.
    """
    address = "127.0.0.1:0" if workers else f"{os.environ[IP]}:{os.environ[PORT]}"
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1), options=[("grpc.so_reuseport", 0)])
    servicer = oracle_chief.OracleServicer(oracle)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise RecipeError(f"{IP} and {PORT}: {address} can't be listened on") from error
    server.start()
    crew = Crew(search, workers, port) if workers else None
    try:
        _watch(search, oracle, servicer, crew)
    finally:
        if crew:
            crew.stop()
        server.stop(None)


def _watch(search, oracle, servicer, crew):
    """Give the trials of those that are gone to others, until there is nothing left to do."""
    farewell = None
    while not (servicer.stop_triggered and not oracle.waiting and _all_told(oracle, crew, farewell)):
        time.sleep(0.1)
        if servicer.stop_triggered and not oracle.waiting:
            farewell = farewell or time.monotonic() + _FAREWELL
        elif crew:
            _mend(oracle, crew)
        for worker in oracle.silent(SILENCE):
            oracle.release(worker, f"nothing was heard of {worker} for {SILENCE:.0f} s")
        working.check_hope(search, oracle)


def _all_told(oracle, crew, farewell):
    """Whether the workers know that the search has ended, or had time enough to hear of it."""
    if farewell and time.monotonic() > farewell:
        return True
    return not crew.alive if crew else not oracle.tuner_ids


def _mend(oracle, crew):
    for name, code in crew.died():
        oracle.release(name, f"its worker died several times, the last time with exit code {code}")
        if not crew.restart(name) and not crew.alive:
            raise TrainingError(f"the workers died again and again; {crew.log(name)} says why")
    if oracle.waiting and not crew.alive:
        crew.call()


def join(search):
    """Run trials for the chief that the environment names, until it has no more.

    Raises:
        TrainingError: The chief does not answer.
    """
    oracle_client.TIMEOUT = ABSENCE
    oracle = oracle_client.OracleClient(None)
    try:
        working.work(search, oracle, os.environ[ID], beating=True)
    except grpc.RpcError as error:
        raise TrainingError(
            f"the chief at {os.environ[IP]}:{os.environ[PORT]} did not answer for {ABSENCE:.0f} s. Start it again "
            f"with --resume {search.path}, then this worker"
        ) from error
