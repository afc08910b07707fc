# SPDX-License-Identifier: Apache-2.0
"""Limits and log of the objects made from it."""

import functools

from . import _generated as c
from ._ffi import Handle, decode, lib, make, new

WARNING, NOTE = 1, 2


class Context(Handle):
    """Everything is made from a context; where none is given, a shared one with defaults is used.

    max_stages  stages of one DAG or job; 0: 65536
    max_table   entries of one probability table; 0: 2^24
    log         called with (level, message) for remarks that are no failure
    """

    _destroy = "llmsched_context_destroy"

    def __init__(self, max_stages=0, max_table=0, log=None):
        options = new(c.llmsched_context_options, max_stages=max_stages, max_table=max_table)
        # Objects keep the context alive in C, so the callback may outlive this object.
        self._log = _keep_log(log) if log else None
        if self._log:
            options.log = self._log
        super().__init__(make(lib.llmsched_context_create, options))


_logs = []  # callbacks that C code may still call


def _keep_log(log):
    def receive(_user, level, message):
        log(level, decode(message))

    callback = c.llmsched_log_fn(receive)
    _logs.append(callback)
    return callback


@functools.lru_cache(maxsize=None)
def _default():
    return Context()


def pointer(context):
    return (context or _default())._ptr
