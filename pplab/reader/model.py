"""The model of the reader, through the low-level interface of llama.cpp: tokens, chat template, one decode of many sequences."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pplab.errors import PplabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pplab.reader.weights import Weights

CONTEXT: Final = 4096
"""Cells of the key-value cache, shared by all sequences: a few prompts, one longest answer and one batch."""
SMALL: Final = 256 * 2**20
"""Bytes of a file of weights up to which they are expanded to single precision before they are read with."""
BATCH: Final = 512
"""Tokens of one decode."""
SEQUENCES: Final = 64
"""Sequences that may be in the cache at once."""
_ROWS: Final = 32
"""Rows of logits that are normalised at once: they stay in the processor's cache."""
_MARK: Final = "\u2402asked\u2403"
"""Stands for the prompt in the chat template, so that no word of a prompt is read as a mark of the template."""
_CHATML: Final = (f"<|im_start|>user\n{_MARK}<|im_end|>\n<|im_start|>assistant\n",)


class Model:
    """A model in memory, and its cache of sequences.

    Parameters
    ----------
    weights
        What is loaded.
    threads
        Threads that a decode may use.

    Raises
    ------
    PplabError
        When llama.cpp cannot load the file.
    """

    def __init__(self, weights: Weights, *, threads: int = 1) -> None:
        import llama_cpp

        logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)  # it prints from this level on
        self._lib = llama_cpp
        llama_cpp.llama_backend_init()
        file = expanded(weights)
        options = llama_cpp.llama_model_default_params()
        options.n_gpu_layers = 0  # the same values on every machine
        model = llama_cpp.llama_model_load_from_file(str(file).encode(), options)
        if not model:
            raise PplabError(f"llama.cpp cannot load {weights.path.name}", hint="name another GGUF file")
        self._model = model
        self._context: Any = llama_cpp.llama_init_from_model(model, self._settings(threads))
        if not self._context:
            llama_cpp.llama_model_free(model)
            raise PplabError(f"llama.cpp cannot read with {weights.path.name}", hint="name another GGUF file")
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._vocab = llama_cpp.llama_model_get_vocab(model)
        self._size = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self._batch = llama_cpp.llama_batch_init(BATCH, 0, 1)
        self.ends, self.stop = self._end_tokens(), self.tokens(".")[-1]
        self._frame = self._template()

    def _settings(self, threads: int) -> Any:
        settings = self._lib.llama_context_default_params()
        settings.n_ctx, settings.n_batch, settings.n_ubatch, settings.n_seq_max = CONTEXT, BATCH, BATCH, SEQUENCES
        settings.n_threads = settings.n_threads_batch = threads
        settings.kv_unified = True  # sequences share their cells: to copy a prompt's state costs nothing
        settings.flash_attn_type = self._lib.LLAMA_FLASH_ATTN_TYPE_DISABLED  # with it, values depend on what is read beside them
        settings.type_k = settings.type_v = self._lib.GGML_TYPE_F32  # rounded states would differ with their place in the cache
        settings.no_perf = True
        return settings

    def close(self) -> None:
        """Give the memory back; the model cannot be used any more."""
        if self._context:
            self._lib.llama_batch_free(self._batch)
            self._lib.llama_free(self._context)
            self._lib.llama_model_free(self._model)
            self._context = None

    def tokens(self, text: str, *, marks: bool = False) -> list[int]:
        """Return the tokens of a text; only with ``marks`` are the marks of a chat template read as such."""
        data = text.encode("utf-8", "replace")
        room = (ctypes.c_int32 * (len(data) + 2))()
        count = self._lib.llama_tokenize(self._vocab, data, len(data), room, len(room), False, marks)
        return list(room[: max(0, count)])

    def framed(self, prompt: Sequence[int]) -> list[int]:
        """Return a prompt's tokens in the model's chat template, up to where the answer begins."""
        before, after = self._frame
        return [*before, *prompt, *after]

    def copy(self, source: int, target: int) -> None:
        """Let a sequence begin with the state of another."""
        self._lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def remove(self, sequence: int) -> None:
        """Forget a sequence."""
        self._lib.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def decode(
        self, tokens: Sequence[int], positions: Sequence[int], sequences: Sequence[int], wanted: Sequence[bool]
    ) -> NDArray[np.float32]:
        """Read up to `BATCH` tokens and return the logits after those that are wanted, one row each.

        The rows lie in llama.cpp's memory and change with the next decode.

        Raises
        ------
        PplabError
            When llama.cpp gives up.
        """
        count, batch = len(tokens), self._batch
        batch.n_tokens = count
        ctypes.memmove(batch.token, (ctypes.c_int32 * count)(*tokens), 4 * count)
        ctypes.memmove(batch.pos, (ctypes.c_int32 * count)(*positions), 4 * count)
        ctypes.memmove(batch.n_seq_id, (ctypes.c_int32 * count)(*[1] * count), 4 * count)
        ctypes.memmove(batch.logits, (ctypes.c_int8 * count)(*wanted), count)
        for place, sequence in enumerate(sequences):
            batch.seq_id[place][0] = sequence
        if code := self._lib.llama_decode(self._context, batch):
            raise PplabError(f"llama.cpp could not read the answers (code {code})", hint="report it, with the model's name")
        rows = sum(wanted)
        if not rows:
            return np.empty((0, self._size), np.float32)
        return np.ctypeslib.as_array(self._lib.llama_get_logits(self._context), (rows, self._size))

    def _end_tokens(self) -> list[int]:
        lib = self._lib
        known = (lib.llama_vocab_eos(self._vocab), lib.llama_vocab_eot(self._vocab))
        ends = sorted({token for token in known if token >= 0})
        if not ends:
            raise PplabError("the reader's model has no token that ends an answer", hint="name another GGUF file")
        return ends

    def _template(self) -> tuple[list[int], list[int]]:
        """Return the tokens before and after a prompt, from the model's template where llama.cpp knows it, else ChatML."""
        lib = self._lib
        template = lib.llama_model_chat_template(self._model, None)
        text = _CHATML[0]
        if template:
            messages = (lib.llama_chat_message * 1)(lib.llama_chat_message(b"user", _MARK.encode()))
            room = ctypes.create_string_buffer(4096)
            size = lib.llama_chat_apply_template(template, messages, 1, True, room, len(room))
            applied = room.raw[: max(0, min(size, len(room)))].decode("utf-8", "replace")
            text = applied if applied.count(_MARK) == 1 else text
        before, after = text.split(_MARK)
        first = lib.llama_vocab_bos(self._vocab)
        opening = self.tokens(before, marks=True)
        if lib.llama_vocab_get_add_bos(self._vocab) and first >= 0 and opening[:1] != [first]:
            opening = [first, *opening]
        return opening, self.tokens(after, marks=True)


def expanded(weights: Weights) -> Path:
    """Return a file of the same weights in single precision, made once (seconds) in the user's cache folder.

    Products with quantised weights round what they are multiplied with, and the rounding errors grow from layer to layer: the
    figures of an answer then change in their second digit with what is read beside it. In single precision they agree to 0.0001,
    and on a processor without special instructions it is twice as fast. A file beyond `SMALL` is read with as it is, for
    expanded it would take many times its size.

    Raises
    ------
    PplabError
        When llama.cpp cannot convert the file.
    """
    import llama_cpp
    import platformdirs

    if weights.path.stat().st_size > SMALL:
        return weights.path
    target = Path(platformdirs.user_cache_dir("pplab", appauthor=False), "reader", f"{weights.version}-f32.gguf")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}.partial")
        options = llama_cpp.llama_model_quantize_default_params()
        options.ftype, options.allow_requantize = llama_cpp.LLAMA_FTYPE_ALL_F32, True
        try:
            if llama_cpp.llama_model_quantize(str(weights.path).encode(), str(partial).encode(), options):
                raise PplabError(f"llama.cpp cannot convert {weights.path.name}", hint="name another GGUF file")
            partial.replace(target)
        finally:
            with contextlib.suppress(FileNotFoundError):  # it was moved, or never begun
                partial.unlink()
    return target


def log_normalisers(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logarithm of the sum of the exponentials of each row, a few rows at a time."""
    found = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        top = part.max(axis=1)
        spread = part - top[:, None]
        np.exp(spread, out=spread)
        found[start : start + _ROWS] = top + np.log(spread.sum(axis=1))
    return found
