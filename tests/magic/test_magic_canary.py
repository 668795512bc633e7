"""A key, however it came in, is in no byte of the lab, of an export, of an output or of a traceback."""

from __future__ import annotations

import base64
import gzip
import os
import zipfile

import pytest

from tests.servers import FaultServer

KEY = "sk-proj-Canary9f8e7d6c5b4a39281706F5E4D3C2B1A0"
SOAK = bool(os.environ.get("PPLAB_SOAK"))
PASSWORD = "canary-password-2f9c8e1b7a6d5040"


SHOWING = (
    *("%pplab results", "%pplab results --full", "%pplab audit --full", "%pplab export --format csv", "%pplab trace --full"),
    *(
        "%pplab export --what audit --format json",
        "%pplab run --json --n 1 hello",
        "%pplab config",
        "%pplab doctor",
        "lab",
        "exp",
    ),
)
OF_THE_CONFIGURATION = (
    "%pplab export --format csv",
    "%pplab run --json --n 1 hello",
    "%pplab config",
    "%pplab doctor",
    "lab",
    "exp",
)
"""What shows more than the tables, which are searched, too."""
FAILING = ("lab.run(n='many')", "lab.run('hi', cluster=secret)", "lab.sql('SELECT ' + secret)", "lab.experiment(secret)")


def forms(secret):
    """Return the forms in which a secret must stand nowhere, each as bytes."""
    raw = secret.encode()
    coded = [base64.b64encode(b"\0" * shift + raw)[4:36] for shift in range(3)]
    return [raw, raw[::-1], raw.hex().encode(), *coded, raw[3:27], raw[-24:]]


def contents(folder):
    """Yield every file below a folder with its bytes; what is compressed also as what it holds."""
    for path in (p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        yield path.name, data
        if data[:2] == b"\x1f\x8b":
            yield f"{path.name}, unpacked", gzip.decompress(data)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                for name in packed.namelist():
                    yield f"{path.name}!{name}", packed.read(name)


def rows(lab):
    """Yield every table as text: within the database file values may be stored compressed."""
    with lab._store.reading() as cursor:
        for (table,) in cursor.execute("SELECT table_name FROM information_schema.tables").fetchall():
            yield table, cursor.execute(f'SELECT * FROM "{table}"').df().to_csv().encode()


def assert_nowhere(secret, named):
    for name, data in named:
        for form in forms(secret):
            assert form not in data, f"a form of the key stands in {name}"


def test_the_search_finds_a_key_in_every_form_it_is_made_for(tmp_path):
    for number, form in enumerate(forms(KEY)):
        (tmp_path / "x").write_bytes(b"before " + form + b" after")
        with pytest.raises(AssertionError):
            assert_nowhere(KEY, contents(tmp_path))
        assert number < 10
    (tmp_path / "x").write_bytes(gzip.compress(b"line " + KEY.encode()))
    with pytest.raises(AssertionError):
        assert_nowhere(KEY, contents(tmp_path))


WAYS = [("base URL", "play:echoes_key"), ("prompt", "play:echoes_key")]
WAYS += [
    pytest.param(how, model, marks=pytest.mark.soak)
    for how, model in [
        *(("environment", f"play:{kind}") for kind in ("echoes_key", "bad_key", "ok")),
        ("argument", "play:echoes_key"),
    ]
]


@pytest.mark.parametrize(("how", "model"), WAYS)
def test_a_key_is_nowhere_afterwards(shell, tmp_path, monkeypatch, capfd, how, model):
    secret = PASSWORD if how == "base URL" else KEY
    with FaultServer() as server:
        url = server.base_url
        if how in ("environment", "prompt"):
            monkeypatch.setenv("OPENAI_API_KEY", KEY)
        if how == "base URL":
            url = url.replace("http://", f"http://ada:{PASSWORD}@")
        monkeypatch.setenv("PPLAB_BASE_URL", url)
        monkeypatch.setenv("PPLAB_MODEL", model)
        shell.user_ns["key"] = KEY if how == "argument" else None
        shell.user_ns["secret"] = secret
        shell.run_cell("%load_ext pplab")
        shell.run_cell("%config PPLab.audit_source = 'redacted'")
        shell.run_cell("import pplab; lab = pplab.Lab(api_key=key)")
        prompt = f"Repeat {secret}, and {base64.b64encode(secret.encode()).decode()}." if how == "prompt" else "What is my key?"
        shell.user_ns["prompt"] = prompt
        asked = shell.run_cell(
            "exp = lab.run(prompt, n=1); lab.export(exp, format='json'); lab.export(exp, format='package'); exp"
        )
        assert asked.success
        assert shell.run_cell("lab.run(prompt, n=1, models=['play:bad_key']).responses['error'][0]").success
        shell.run_cell(f"%pplab run --n 1 --system 'Say {secret}' '{prompt}'")
        for cell in SHOWING if SOAK or how != "base URL" else OF_THE_CONFIGURATION:
            shell.run_cell(cell)
        for cell in FAILING:
            assert not shell.run_cell(cell).success
        assert not shell.run_cell("%pplab sql SELECT $secret").success
        assert not shell.run_cell("%pplab {secret}").success
        tables = list(rows(shell.user_ns["lab"]))
        shell.run_cell("lab.close()")
        shell.run_cell("%unload_ext pplab")
    shown = capfd.readouterr()
    assert f"on {model}" in shown.out
    assert_nowhere(secret, [("the outputs", shown.out.encode()), ("the tracebacks", shown.err.encode()), *tables])
    assert_nowhere(secret, [(name, data) for name, data in contents(tmp_path) if "ipython" not in name])
    assert {p.suffix for p in (tmp_path / "exports").iterdir()} >= {".csv", ".json", ".zip"}
    assert any(b"[secret]" in data for _, data in tables)
