"""A server before a sweep's storage, for nodes that reach neither its file nor its database: Optuna's gRPC proxy.

    python -m compiler.runtime.sweep.proxy study.journal --host 0.0.0.0 --port 13000
    python train.py -m search.storage=grpc://HOST:13000 ...

It asks nobody for a password and encrypts nothing: let it listen in a network that you trust.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from warnings import catch_warnings, simplefilter

from compiler.runtime.cli import reporting_faults
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.storage import FORMS, PORT, connect, open_journal


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve a storage until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m compiler.runtime.sweep.proxy", description="Serve a storage.")
    parser.add_argument("storage", help=f"a journal, the folder of a sweep that has one, or a URL: {FORMS}")
    parser.add_argument("--host", default="localhost", help="the address that it listens at")
    parser.add_argument("--port", type=int, default=PORT)
    asked = parser.parse_args(arguments)
    with reporting_faults():
        if "://" in asked.storage:
            storage = connect(asked.storage, Path.cwd(), 10.0)
        else:
            path = Path(asked.storage)
            storage = open_journal(SweepFolder(path).journal if path.is_dir() else path)
    from optuna.storages import run_grpc_proxy_server

    print(f"{asked.storage} is served at grpc://{asked.host}:{asked.port}", flush=True)
    with catch_warnings():
        simplefilter("ignore")  # Optuna calls it experimental
        run_grpc_proxy_server(storage, host=asked.host, port=asked.port)


if __name__ == "__main__":
    main()
