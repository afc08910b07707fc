# SPDX-License-Identifier: Apache-2.0
"""The library itself: found, checked, its functions with their types.

LLMSCHED_LIBRARY names the file to load; without it the system is asked.
"""

import ctypes
import ctypes.util
import json
import os

from . import _generated as c
from . import errors

SONAME = "libllmsched.so.0"


def _load():
    path = os.environ.get("LLMSCHED_LIBRARY") or ctypes.util.find_library("llmsched") or SONAME
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"cannot load libllmsched ({error}): install it, or set LLMSCHED_LIBRARY to its file") from error
    for name, (result, arguments) in c.PROTOTYPES.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise ImportError(f"{path} has no {name}: it is no libllmsched of this version") from error
        function.restype = result
        function.argtypes = arguments
    return library


def _check_version(library):
    have, want = library.llmsched_version_number(), c.LLMSCHED_VERSION_NUMBER
    if have // 10000 != want // 10000 or have < want:
        raise ImportError(f"libllmsched {library.llmsched_version().decode()} is loaded, but this package needs "
                          f"{c.LLMSCHED_VERSION_MAJOR}.{c.LLMSCHED_VERSION_MINOR}.{c.LLMSCHED_VERSION_PATCH} "
                          f"or a later {c.LLMSCHED_VERSION_MAJOR}.x")


lib = _load()
_check_version(lib)


def new(struct, **fields):
    """A struct with its size set; strings may be str or None."""
    fields = {name: encode(value) if isinstance(value, str) else value for name, value in fields.items()}
    return struct(size=ctypes.sizeof(struct), **fields)


def encode(text):
    """UTF-8 for the library, which ends strings at NUL."""
    if text is None:
        return None
    data = text.encode() if isinstance(text, str) else bytes(text)
    if b"\0" in data:
        raise errors.InvalidError(f"a string with a NUL in it: {text!r}")
    return data


def as_text(document):
    """A document as the library reads it: str, bytes, or what json writes."""
    if isinstance(document, str):
        return document.encode()
    return bytes(document) if isinstance(document, (bytes, bytearray, memoryview)) else json.dumps(document).encode()


def decode(data):
    return None if data is None else data.decode()


def raise_for(status, err=None):
    """The exception of a status that is a failure."""
    message, line, column = lib.llmsched_status_name(status).decode(), 0, 0
    if err is not None and err.message:
        message, line, column = err.message.decode(errors="replace"), err.line, err.column
    error = errors.BY_STATUS.get(status, errors.Error)(message, line, column)
    error.status = status
    raise error


def call(function, *arguments):
    """Calls a function whose last parameter is the error; returns LLMSCHED_OK or LLMSCHED_NONE."""
    err = new(c.llmsched_error)
    status = function(*arguments, ctypes.byref(err))
    if status not in (c.LLMSCHED_OK, c.LLMSCHED_NONE):
        raise_for(status, err)
    return status


def make(function, *arguments):
    """Calls a function that hands out a handle before the error; returns the handle."""
    handle = ctypes.c_void_p()
    call(function, *arguments, ctypes.byref(handle))
    return handle.value


def numbers(values, kind=ctypes.c_uint32):
    values = list(values)
    return (kind * len(values))(*values)


def take_text(function, *arguments):
    """Calls a function that hands out a llmsched_text; returns it as str."""
    text = make(function, *arguments)
    try:
        return ctypes.string_at(lib.llmsched_text_data(text), lib.llmsched_text_length(text)).decode()
    finally:
        lib.llmsched_text_destroy(text)


class Handle:
    """Owns one object of the library: closed by close(), `with`, or the collector; twice is fine."""

    _destroy = None  # name of the function that ends it

    def __init__(self, pointer):
        self._pointer = pointer

    @property
    def _ptr(self):
        if self._pointer is None:
            raise errors.ClosedError(f"this {type(self).__name__} is closed")
        return self._pointer

    @classmethod
    def _adopt(cls, pointer):
        """An object around a pointer that is now ours."""
        self = cls.__new__(cls)
        Handle.__init__(self, pointer)
        return self

    @property
    def closed(self):
        return self._pointer is None

    def close(self):
        pointer, self._pointer = getattr(self, "_pointer", None), None
        if pointer is not None:
            getattr(lib, self._destroy)(pointer)

    def __enter__(self):
        self._ptr  # pylint: disable=pointless-statement
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if lib is not None:  # None while the interpreter shuts down
            self.close()
