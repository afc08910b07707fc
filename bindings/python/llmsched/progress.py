# SPDX-License-Identifier: Apache-2.0
"""What one job has revealed and done so far."""

import ctypes

from . import _generated as c
from ._ffi import Handle, call, lib, make, new


class Progress(Handle):
    """Follows a job of a profile; a Quantifier makes forecasts of it. Stages are numbered from 0 as they are
    revealed."""

    _destroy = "llmsched_progress_destroy"

    def __init__(self, profile):
        super().__init__(make(lib.llmsched_progress_create, profile._ptr))

    def reveal(self, kind, name, tasks=1, choice=None, prompt_tokens=None):
        """The job has a new stage; returns its number."""
        info = new(c.llmsched_revealed_stage, kind=kind, name=name, tasks=tasks,
                   choice=0 if choice is None else choice + 1, has_prompt=prompt_tokens is not None,
                   prompt_tokens=prompt_tokens or 0.0)
        number = ctypes.c_uint32()
        call(lib.llmsched_progress_reveal, self._ptr, info, number)
        return number.value

    def serve(self, stage, served_s):
        """A stage has been served so long: alone-seconds over its tasks."""
        call(lib.llmsched_progress_serve, self._ptr, stage, served_s)

    def end(self, stage, work_s, output_tokens=None):
        """A stage has ended; both over its tasks."""
        call(lib.llmsched_progress_end, self._ptr, stage, work_s, -1.0 if output_tokens is None else output_tokens)

    def template_stage(self, stage):
        """The template's stage that a revealed one is, or None."""
        found = lib.llmsched_progress_template_stage(self._ptr, stage)
        return None if found == c.LLMSCHED_INDEX_NONE else found
