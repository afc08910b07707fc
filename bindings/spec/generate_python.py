#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes bindings/python/llmsched/_generated.py from the public headers.

    generate_python.py           writes it
    generate_python.py --check   says whether the file is what it would write
"""

import pathlib
import sys

import interface

TARGET = interface.ROOT / "bindings" / "python" / "llmsched" / "_generated.py"

SCALARS = {"uint32_t": "c_uint32", "int32_t": "c_int32", "uint64_t": "c_uint64", "int64_t": "c_int64",
           "double": "c_double", "size_t": "c_size_t", "llmsched_status": "c_int32"}


def python_type(variable, found):
    """The ctypes type of a parameter, field or result."""
    if variable.callback:
        return function_type(variable.callback, found)
    if variable.base in found.callbacks:
        return variable.base
    if variable.base == "char" and variable.array:
        return f"c_char * {variable.array}"
    if variable.base == "char" and variable.stars:
        return "c_char_p" if variable.stars == 1 else "POINTER(c_char_p)"
    if variable.base == "void":
        return "c_void_p" if variable.stars else "None"
    if variable.base in found.handles:
        # A handle is an address; one that is handed out is written to.
        return "c_void_p" if variable.stars == 1 else "POINTER(c_void_p)"
    base = SCALARS.get(variable.base, variable.base)
    if variable.base in found.structs and variable.stars == 0:
        raise interface.Unknown(f"{variable.base} passed by value")
    for _ in range(variable.stars):
        base = f"POINTER({base})"
    return base


def function_type(function, found):
    types = [python_type(v, found) for v in (function.result, *function.arguments)]
    return f"CFUNCTYPE({', '.join(types)})"


def lines(found):
    yield "# SPDX-License-Identifier: Apache-2.0"
    yield '"""Constants, structs and prototypes of the C interface.'
    yield ""
    yield "Made by bindings/spec/generate_python.py from include/llmsched/*.h; not edited by hand."
    yield '"""'
    yield ""
    yield "from ctypes import (CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_int32,"
    yield "                    c_size_t, c_uint32, c_uint64, c_void_p)"
    yield ""
    for name, value in found.constants.items():
        yield f"{name} = {value.rstrip('u').replace('UINT32_MAX', '0xFFFFFFFF')}"
    yield ""
    for callback in found.callbacks.values():
        yield f"{callback.name} = {function_type(callback.callback, found)}"
    for struct in found.structs.values():
        yield ""
        yield ""
        yield f"class {struct.name}(Structure):"
        yield "    _fields_ = ["
        for field in struct.fields:
            yield f'        ("{field.name}", {python_type(field, found)}),'
        yield "    ]"
    yield ""
    yield ""
    yield "STRUCTS = ("
    for name in found.structs:
        yield f"    {name},"
    yield ")"
    yield ""
    yield "# name: (result, arguments)"
    yield "PROTOTYPES = {"
    for function in found.functions.values():
        arguments = [python_type(v, found) for v in function.arguments]
        yield f'    "{function.name}": ('
        yield f"        {python_type(function.result, found)},"
        yield f"        ({', '.join(arguments)}{',' if arguments else ''})),"
    yield "}"


def main(arguments):
    text = "\n".join(lines(interface.read())) + "\n"
    if arguments[1:] == ["--check"]:
        same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        print("as generated" if same else
              f"{TARGET.relative_to(interface.ROOT)} is not what the headers give: "
              "run bindings/spec/generate_python.py")
        return 0 if same else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
