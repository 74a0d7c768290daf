"""The environment variables that every process of the cluster is started with: head, nodes, and the daemon's driver.

Ray reads them when it is imported, and hands them on to the processes that it starts.
"""

from pathlib import Path

QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
"""Ray tells its makers how it is used unless told not to."""
HEALTH = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
"""A node that falls silent (cable, power) is given up after about 8 s. By default Ray takes half a minute and more."""
LOST_HEAD_S = 15
"""How long nodes and drivers look for a head that is gone before they end; by default a minute."""
LOG_FILE_BYTES, LOG_FILES = 4_000_000, 2
"""Each process of Ray writes a few log files; by default, each may have 512 MB, and five older ones as much."""
DRAIN = {"RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "10"}
"""How long a node that is told to stop lets its engines finish what they have; by default half a minute."""
VERSIONS = {"RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor"}
"""Python 3.12.4 and 3.12.7 understand each other; by default Ray refuses such a node."""
NO_OTHER_TOKEN = {"RAY_AUTH_TOKEN": ""}
"""Ray would take this one, if somebody has set it, and not look at the file."""


def environment(token_file: Path | None) -> dict[str, str]:
    """Return the variables, to be set before Ray is imported, over those that are there.

    Args:
        token_file: What the machines of the cluster know each other by; None for a cluster of others that has no token.
    """
    mode = {"RAY_AUTH_MODE": "disabled"}
    if token_file is not None:
        mode = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token_file.absolute()), **NO_OTHER_TOKEN}
    lost = {"RAY_gcs_rpc_server_reconnect_timeout_s": str(LOST_HEAD_S)}
    logs = {"RAY_ROTATION_MAX_BYTES": str(LOG_FILE_BYTES), "RAY_ROTATION_BACKUP_COUNT": str(LOG_FILES)}
    return {**QUIET, **HEALTH, **VERSIONS, **DRAIN, **lost, **logs, **mode}
