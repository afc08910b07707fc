// SPDX-License-Identifier: Apache-2.0

package llmsched

/*
#include <llmsched/llmsched.h>
*/
import "C"

import "runtime"

// Progress is what one job has revealed and done so far; a Quantifier makes forecasts of it.
type Progress struct{ ptr *C.llmsched_progress }

// NewProgress begins to follow a job of a profile.
func NewProgress(profile *Profile) (*Progress, error) {
	if profile.ptr == nil {
		return nil, closedError("Profile")
	}
	p := &Progress{}
	e := newError()
	err := failure(C.llmsched_progress_create(profile.ptr, &p.ptr, &e), &e)
	runtime.KeepAlive(profile)
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(p, (*Progress).Close)
	return p, nil
}

// Close ends it.
func (p *Progress) Close() {
	ptr := p.ptr
	p.ptr = nil
	runtime.SetFinalizer(p, nil)
	if ptr != nil {
		C.llmsched_progress_destroy(ptr)
	}
}

// Reveal says that the job has a new stage, and gives its number: they count from 0. Model and Parents are ignored.
func (p *Progress) Reveal(stage RevealedStage) (uint32, error) {
	if p.ptr == nil {
		return 0, closedError("Progress")
	}
	var a arena
	defer a.free()
	info := stageInfo(stage, &a)
	if a.err != nil {
		return 0, a.err
	}
	var number C.uint32_t
	e := newError()
	err := failure(C.llmsched_progress_reveal(p.ptr, info, &number, &e), &e)
	runtime.KeepAlive(p)
	return uint32(number), err
}

// Serve says how long a stage has been served: alone-seconds over its tasks.
func (p *Progress) Serve(stage uint32, servedS float64) error {
	if p.ptr == nil {
		return closedError("Progress")
	}
	e := newError()
	err := failure(C.llmsched_progress_serve(p.ptr, C.uint32_t(stage), C.double(servedS), &e), &e)
	runtime.KeepAlive(p)
	return err
}

// End says that a stage has ended: alone-seconds and tokens over its tasks; the tokens may be Unmeasured.
func (p *Progress) End(stage uint32, workS, outputTokens float64) error {
	if p.ptr == nil {
		return closedError("Progress")
	}
	e := newError()
	err := failure(C.llmsched_progress_end(p.ptr, C.uint32_t(stage), C.double(workS), C.double(outputTokens), &e), &e)
	runtime.KeepAlive(p)
	return err
}

// TemplateStage is the template's stage that a revealed one is, or None.
func (p *Progress) TemplateStage(stage uint32) uint32 {
	if p.ptr == nil {
		return None
	}
	defer runtime.KeepAlive(p)
	return uint32(C.llmsched_progress_template_stage(p.ptr, C.uint32_t(stage)))
}
