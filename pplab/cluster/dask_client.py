"""The client of a Dask cluster that a run is given, by itself or by its address; and whether its workers can make the calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab import __version__
from pplab.errors import BadInput, one_line

if TYPE_CHECKING:
    from distributed import Client

DASK = "dask://"
CONNECT_S = 10.0


def connected(where: Any) -> tuple[Client, bool]:
    """Return the client of a cluster, and whether it was made here.

    Parameters
    ----------
    where
        A client, or an address such as ``dask://10.0.0.1:8786``.

    Raises
    ------
    BadInput
        When ``distributed`` is not installed, nothing answers there, there are no workers, or these have another pplab.
    """
    own = isinstance(where, str)
    scheme, _, host = where.partition("://") if own else ("", "", "")
    if own and (scheme != "dask" or not host):
        raise BadInput(f"{where!r} is no cluster", hint=f"write {DASK}HOST:PORT")
    try:
        from distributed import Client
    except ImportError:
        raise BadInput("a run on a cluster needs the package distributed", hint="pip install 'pplab[cluster]'") from None
    if own:
        try:
            client = Client(f"tcp://{host}", timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise BadInput(f"no Dask scheduler answers at {host}: {one_line(str(error))}", hint="start it there") from None
    else:
        client = where
    if getattr(client, "asynchronous", False):
        raise BadInput("the client of the cluster is an asynchronous one", hint="give Client(address), or dask://HOST:PORT")
    try:
        _check_workers(client)
    except BaseException:
        if own:
            client.close()
        raise
    return client, own


def _check_workers(client: Client) -> None:
    """Refuse a cluster whose workers could not make the calls."""
    if not client.nthreads():
        raise BadInput("the cluster has no workers", hint="start some: dask worker ADDRESS")
    for address, version in client.run(_version, on_error="return").items():
        if isinstance(version, BaseException):
            raise BadInput(
                f"pplab cannot be used on the worker {address}: {one_line(str(version))}",
                hint=f"install pplab {__version__} there",
            )
        if version != __version__:
            raise BadInput(f"the worker {address} has pplab {version}, and here is {__version__}", hint="install the same there")


def _version() -> str:
    return __version__
