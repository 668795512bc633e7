"""Makes what lies beside it, with the pplab that is installed: a lab, packages, a recording and the identities of 1,000 calls.

Run once, from the repository's root, with the code of the version the folder is named after: ``python -m
tests.data.version_0_1.make``. Identifiers and times differ each time; everything else does not. The files are never made again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PROMPTS = ["Write a tagline for a notebook.", "Describe rain, so that one hears it: „leise“, then loud. 🌧"]
FAULTY = "Name three colours."
STEPS = "play:malformed_json,length,refusal,rate_limited_ms,ok"


def complete() -> None:
    """Calibrate, run, and export: in a shell, so that there are cells."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    quiet = Config({"HistoryManager": {"enabled": False, "hist_file": ":memory:"}, "InteractiveShell": {"colors": "nocolor"}})
    shell = InteractiveShell.instance(config=quiet)
    shell.user_ns["prompts"] = PROMPTS
    for cell in [
        "%load_ext pplab",
        "import pplab\nlab = pplab.Lab()\ncalibration = lab.calibrate('balanced')",
        (
            "sweep = {'temperature': [0, 0.9], 'top_p': [0.5, 1]}\n"
            "parameters = {'max_tokens': 300, 'frequency_penalty': 0.5, 'presence_penalty': -0.25}\n"
            "made = lab.run(prompts, calibration=calibration, n=2, sweep=sweep, parameters=parameters, seed=7)"
        ),
        "lab.export(made, format='csv', path='complete.csv')\nlab.export(made, format='package', path='one.zip')",
        "1 / 0",
        "def (:",
        "lab.close()",
    ]:
        shell.run_cell(cell, store_history=True)
    shell.extension_manager.unload_extension("pplab")


def failures() -> None:
    """Run against a server that fails, recorded."""
    import pplab
    from tests.servers import FaultServer

    with FaultServer() as server, pplab.Lab(model=STEPS, base_url=server.base_url, api_key="sk-of-the-fault-server-0123") as lab:
        lab.use_recording("calls.jsonl")
        lab.run(FAULTY, n=4, parameters={"temperature": 0.5}, system="Be brief.", max_concurrency=1)
        lab.use_recording(None)
        lab.export(list(lab.experiments()["experiment_id"]), format="package", path="two.zip")


def interrupted() -> None:
    """Be killed in the middle of a run: its journal stays open, the tables stay behind."""
    import pplab

    seen: list[str] = []

    def killed(row: object) -> None:
        seen.append(str(row))
        if len(seen) == 3:
            os._exit(1)

    pplab.Lab().run(PROMPTS[0], n=6, sweep={"temperature": [0.3]}, seed=11, max_concurrency=1, on_response=killed)


def call(number: int) -> tuple[str, str, list[dict[str, str]], dict[str, object], int]:
    """Return one of the 1,000 calls: provider, model, messages, parameters, replicate; drawn from its number alone."""

    def draw(what: str, *choices: object) -> object:
        return choices[int.from_bytes(hashlib.sha256(f"{number}/{what}".encode()).digest()[:8]) % len(choices)]

    provider = draw("provider", "embedded", "api.openai.com", "127.0.0.1:8000", "[::1]:11434", "models.example.org")
    model = draw("model", "embedded", "gpt-6-luna", "qwen3:8b", "org/model-2@main", "modèle")
    text = draw("text", *PROMPTS, FAULTY, " ", "a\nb\r\n\tc", 'say "hi" \\ {name}', "日本語", "e\u0301\u202e", "x" * 500)
    messages = [{"role": "user", "content": f"{text}{draw('end', '', '.', f' ({number})')}"}]
    system = draw("system", None, "Be brief.", "You are warm.\nAnd plain.")
    if system is not None:
        messages.insert(0, {"role": "system", "content": str(system)})
    if draw("turns", 0, 0, 1):
        messages += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": "Go on."}]
    parameters = {
        "temperature": draw("temperature", None, 0, 0.0, 1, 1.0, 0.7, 0.1 + 0.2, 1e-7, 2),
        "top_p": draw("top_p", None, 1, 0.95, 5e-324, 1 / 3),
        "max_tokens": draw("max_tokens", None, 1, 64, 4096, 2**53 - 1),
        "frequency_penalty": draw("frequency_penalty", None, -2, -0.0, 0.5),
        "presence_penalty": draw("presence_penalty", None, 2, 0.25),
        "seed": draw("seed", None, 0, 7, 2**31 - 1),
        "stop": draw("stop", None, ["\n"], []),
        "response_format": draw("response_format", None, None, {"type": "json_object"}),
    }
    return str(provider), str(model), messages, parameters, int(str(draw("replicate", 0, 1, 2, 999_999)))


def keys() -> list[str]:
    """Return the identity of each of the 1,000 calls, as the present code computes it."""
    from pplab.models.request_key import request_key

    return [request_key(*call(number)) for number in range(1000)]


def main() -> None:
    """Make everything, each process in its turn, in a folder of its own."""
    folder = Path(tempfile.mkdtemp())
    left_out = ("PPLAB_", "OPENAI_", "JUPYTERHUB_", "JPY_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environment |= {"PPLAB_USER": "ada", "PPLAB_STORE": str(folder / "lab"), "PYTHONPATH": str(ROOT)}
    environment |= {"IPYTHONDIR": str(folder / "ipython"), "JPY_SESSION_NAME": "first.ipynb"}
    for part, code in (("complete", 0), ("failures", 0), ("interrupted", 1)):
        program = f"from {__name__ if __name__ != '__main__' else 'tests.data.version_0_1.make'} import {part}; {part}()"
        ended = subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, check=False)
        assert ended.returncode == code, part
    for name in ("one.zip", "two.zip", "calls.jsonl"):
        shutil.copy(folder / name, HERE / name)

    def anybody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(HERE / "lab.tar.xz", "w:xz") as archive:
        archive.add(folder / "lab", "lab", filter=anybody)
    made = keys()
    total = hashlib.sha256("".join(made).encode()).hexdigest()
    (HERE / "request_keys.txt").write_text("".join(f"{line}\n" for line in (total, *(key[:16] for key in made))), "ascii")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
