// SPDX-License-Identifier: Apache-2.0

package llmsched

/*
#include <llmsched/llmsched.h>
#include <stdlib.h>
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// History holds the runs of one run file; immutable.
type History struct{ ptr *C.llmsched_history }

// ParseHistory reads run files; name is the stem of the file.
func ParseHistory(context *Context, name string, text []byte) (*History, error) {
	if context.ptr == nil {
		return nil, closedError("Context")
	}
	var a arena
	defer a.free()
	cname := a.text(name)
	if a.err != nil {
		return nil, a.err
	}
	h := &History{}
	e := newError()
	err := failure(C.llmsched_history_parse(context.ptr, cname, a.bytes(text), C.size_t(len(text)), nil, &h.ptr, &e), &e)
	runtime.KeepAlive(context)
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(h, (*History).Close)
	return h, nil
}

// Close gives the history up.
func (h *History) Close() {
	ptr := h.ptr
	h.ptr = nil
	runtime.SetFinalizer(h, nil)
	if ptr != nil {
		C.llmsched_history_release(ptr)
	}
}

// Count is the number of runs.
func (h *History) Count() uint32 {
	defer runtime.KeepAlive(h)
	if h.ptr == nil {
		panic("llmsched: this History is closed")
	}
	return uint32(C.llmsched_history_count(h.ptr))
}

// RunStage is one stage of a past run; times are alone-seconds (batch size 1, empty machine).
type RunStage struct {
	Kind         Kind
	Name         string
	Model        string
	Parents      []uint32
	Tasks        uint32
	Choice       uint32 // dynamic stages: the candidate chosen plus 1; 0: not known
	PromptTokens float64
	OutputTokens float64
	WorkS        float64
	SpanS        float64
	Missing      Missing // what is not known of it
}

// Missing is a sum of what is not known of a stage of a past run.
type Missing uint32

// What may be missing.
const (
	MissingWork   Missing = C.LLMSCHED_MISSING_WORK
	MissingPrompt Missing = C.LLMSCHED_MISSING_PROMPT
	MissingChoice Missing = C.LLMSCHED_MISSING_CHOICE
)

// Run is one past run, its stages in topological order.
type Run struct {
	App    string
	Job    string
	Task   string
	Stages []RunStage
	// Truncated: cut short; what it does not show may have come.
	Truncated bool
}

// Profiler collects the runs of one application.
type Profiler struct{ ptr *C.llmsched_profiler }

// ProfilerOptions say how a profile is fitted; zero means the default.
type ProfilerOptions struct {
	Bins, MaxParents, MaxStages uint32
	HalfLife                    float64 // runs after which a run weighs half as much
	KeepRuns                    uint64  // most runs kept for the next fit
}

// NewProfiler makes a profiler; dag may be nil, options too.
func NewProfiler(context *Context, name string, dag *Dag, options *ProfilerOptions) (*Profiler, error) {
	if context.ptr == nil {
		return nil, closedError("Context")
	}
	var template *C.llmsched_dag
	if dag != nil {
		if dag.ptr == nil {
			return nil, closedError("Dag")
		}
		template = dag.ptr
	}
	var o C.llmsched_profiler_options
	o.size = C.sizeof_llmsched_profiler_options
	if options != nil {
		o.bins = C.uint32_t(options.Bins)
		o.max_parents = C.uint32_t(options.MaxParents)
		o.max_stages = C.uint32_t(options.MaxStages)
		o.half_life = C.double(options.HalfLife)
		o.keep_runs = C.uint64_t(options.KeepRuns)
	}
	var a arena
	defer a.free()
	cname := a.text(name)
	if a.err != nil {
		return nil, a.err
	}
	p := &Profiler{}
	e := newError()
	err := failure(C.llmsched_profiler_create(context.ptr, cname, template, &o, &p.ptr, &e), &e)
	runtime.KeepAlive(context)
	runtime.KeepAlive(dag)
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(p, (*Profiler).Close)
	return p, nil
}

// Close ends the profiler.
func (p *Profiler) Close() {
	ptr := p.ptr
	p.ptr = nil
	runtime.SetFinalizer(p, nil)
	if ptr != nil {
		C.llmsched_profiler_destroy(ptr)
	}
}

// ObserveHistory adds the i-th run of a history.
func (p *Profiler) ObserveHistory(h *History, i uint32) error {
	if p.ptr == nil {
		return closedError("Profiler")
	}
	if h.ptr == nil {
		return closedError("History")
	}
	e := newError()
	err := failure(C.llmsched_profiler_observe(p.ptr, C.llmsched_history_run(h.ptr, C.uint32_t(i)), &e), &e)
	runtime.KeepAlive(p)
	runtime.KeepAlive(h)
	return err
}

// Observe adds one run.
func (p *Profiler) Observe(run Run) error {
	if p.ptr == nil {
		return closedError("Profiler")
	}
	var a arena
	defer a.free()
	r := (*C.llmsched_run)(a.alloc(C.sizeof_llmsched_run))
	array := (*C.llmsched_run_stage)(a.alloc(C.size_t(len(run.Stages)) * C.sizeof_llmsched_run_stage))
	stages := unsafe.Slice(array, len(run.Stages))
	for i, s := range run.Stages {
		stages[i] = C.llmsched_run_stage{
			size: C.sizeof_llmsched_run_stage, kind: C.uint32_t(s.Kind), name: a.text(s.Name),
			model: a.optional(s.Model), parents: a.uint32s(s.Parents), parent_count: C.uint32_t(len(s.Parents)),
			tasks: C.uint32_t(s.Tasks), choice: C.uint32_t(s.Choice), prompt_tokens: C.double(s.PromptTokens),
			output_tokens: C.double(s.OutputTokens), work_s: C.double(s.WorkS), span_s: C.double(s.SpanS),
			missing: C.uint32_t(s.Missing),
		}
	}
	r.size = C.sizeof_llmsched_run
	r.stage_count = C.uint32_t(len(run.Stages))
	if run.Truncated {
		r.truncated = 1
	}
	r.app, r.job, r.task, r.stages = a.text(run.App), a.optional(run.Job), a.optional(run.Task), array
	if a.err != nil {
		return a.err
	}
	e := newError()
	err := failure(C.llmsched_profiler_observe(p.ptr, r, &e), &e)
	runtime.KeepAlive(p)
	return err
}

// RunCount is the number of runs observed.
func (p *Profiler) RunCount() uint64 {
	defer runtime.KeepAlive(p)
	if p.ptr == nil {
		panic("llmsched: this Profiler is closed")
	}
	return uint64(C.llmsched_profiler_run_count(p.ptr))
}

// Fit gives a profile of the runs seen so far.
func (p *Profiler) Fit() (*Profile, error) {
	if p.ptr == nil {
		return nil, closedError("Profiler")
	}
	var ptr *C.llmsched_profile
	e := newError()
	err := failure(C.llmsched_profiler_fit(p.ptr, &ptr, &e), &e)
	runtime.KeepAlive(p)
	if err != nil {
		return nil, err
	}
	return adoptProfile(ptr), nil
}

// Refit gives a profile that counts the runs since the last fit, and keeps all else of it.
func (p *Profiler) Refit() (*Profile, error) {
	if p.ptr == nil {
		return nil, closedError("Profiler")
	}
	var ptr *C.llmsched_profile
	e := newError()
	err := failure(C.llmsched_profiler_refit(p.ptr, &ptr, &e), &e)
	runtime.KeepAlive(p)
	if err != nil {
		return nil, err
	}
	return adoptProfile(ptr), nil
}

// Profile is an application's template and fitted network; immutable.
type Profile struct{ ptr *C.llmsched_profile }

func adoptProfile(ptr *C.llmsched_profile) *Profile {
	p := &Profile{ptr}
	runtime.SetFinalizer(p, (*Profile).Close)
	return p
}

// ParseProfile reads a profile from JSON ("llmsched-profile-1").
func ParseProfile(context *Context, json []byte) (*Profile, error) {
	if context.ptr == nil {
		return nil, closedError("Context")
	}
	var a arena
	defer a.free()
	var ptr *C.llmsched_profile
	e := newError()
	err := failure(C.llmsched_profile_from_json(context.ptr, a.bytes(json), C.size_t(len(json)), &ptr, &e), &e)
	runtime.KeepAlive(context)
	if err != nil {
		return nil, err
	}
	return adoptProfile(ptr), nil
}

// Close gives the profile up; schedulers that use it keep it.
func (p *Profile) Close() {
	ptr := p.ptr
	p.ptr = nil
	runtime.SetFinalizer(p, nil)
	if ptr != nil {
		C.llmsched_profile_release(ptr)
	}
}

func (p *Profile) open() *C.llmsched_profile {
	if p.ptr == nil {
		panic("llmsched: this Profile is closed")
	}
	return p.ptr
}

// JSON gives the profile as "llmsched-profile-1".
func (p *Profile) JSON() (string, error) {
	if p.ptr == nil {
		return "", closedError("Profile")
	}
	var text *C.llmsched_text
	e := newError()
	err := failure(C.llmsched_profile_to_json(p.ptr, &text, &e), &e)
	runtime.KeepAlive(p)
	if err != nil {
		return "", err
	}
	return takeText(text), nil
}

// Name is the application's.
func (p *Profile) Name() string {
	defer runtime.KeepAlive(p)
	return C.GoString(C.llmsched_profile_name(p.open()))
}

// Dag is the application's template.
func (p *Profile) Dag() *Dag {
	defer runtime.KeepAlive(p)
	return adoptDag(C.llmsched_dag_retain(C.llmsched_profile_dag(p.open())))
}

// Summary is what the runs of a profile did on average.
type Summary struct {
	StageCount          uint32
	RunCount            uint64
	MeanLLMS, MeanToolS float64
	LogLikelihood       float64
}

// Summary reads the summary.
func (p *Profile) Summary() (Summary, error) {
	if p.ptr == nil {
		return Summary{}, closedError("Profile")
	}
	s := C.llmsched_profile_summary{size: C.sizeof_llmsched_profile_summary}
	e := newError()
	err := failure(C.llmsched_profile_get_summary(p.ptr, &s, &e), &e)
	runtime.KeepAlive(p)
	return Summary{uint32(s.stage_count), uint64(s.run_count), float64(s.mean_llm_s), float64(s.mean_tool_s),
		float64(s.log_likelihood)}, err
}

// ProfileStage is what a profile knows of one stage.
type ProfileStage struct {
	BinCount                       uint32
	WorkNode, PromptNode           uint32 // or None
	Aggregate                      bool
	Presence, MeanWorkS, MeanSpanS float64
}

// Stage reads what is known of a stage.
func (p *Profile) Stage(stage uint32) (ProfileStage, error) {
	if p.ptr == nil {
		return ProfileStage{}, closedError("Profile")
	}
	s := C.llmsched_profile_stage{size: C.sizeof_llmsched_profile_stage}
	e := newError()
	err := failure(C.llmsched_profile_get_stage(p.ptr, C.uint32_t(stage), &s, &e), &e)
	runtime.KeepAlive(p)
	return ProfileStage{uint32(s.bin_count), uint32(s.work_node), uint32(s.prompt_node), s.aggregate != 0,
		float64(s.presence), float64(s.mean_work_s), float64(s.mean_span_s)}, err
}

// ClassCount is the number of classes.
func (p *Profile) ClassCount() uint32 {
	defer runtime.KeepAlive(p)
	return uint32(C.llmsched_profile_class_count(p.open()))
}

// ClassOf is the class of a stage as it is revealed: that of its kind and name, else the one of rare names; false for
// neither.
func (p *Profile) ClassOf(kind Kind, name string) (uint32, bool) {
	defer runtime.KeepAlive(p)
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	class := C.llmsched_profile_class(p.open(), C.uint32_t(kind), text)
	return uint32(class), class != C.LLMSCHED_INDEX_NONE
}

// Find is the template stage of a class's stage with this occurrence; past the last the kind's aggregate; false
// without one.
func (p *Profile) Find(kind Kind, class, occurrence uint32) (uint32, bool) {
	defer runtime.KeepAlive(p)
	stage := C.llmsched_profile_find(p.open(), C.uint32_t(kind), C.uint32_t(class), C.uint32_t(occurrence))
	return uint32(stage), stage != C.LLMSCHED_INDEX_NONE
}

// Remainder is work that remained of past runs: mean and percentiles.
type Remainder struct {
	MeanS, Q10S, Q50S, Q90S float64
}

// Remainder is what remained of past runs after as many ended stages.
func (p *Profile) Remainder(kind Kind, ended uint32) (Remainder, error) {
	if p.ptr == nil {
		return Remainder{}, closedError("Profile")
	}
	r := C.llmsched_remainder{size: C.sizeof_llmsched_remainder}
	e := newError()
	err := failure(C.llmsched_profile_get_remainder(p.ptr, C.uint32_t(kind), C.uint32_t(ended), &r, &e), &e)
	runtime.KeepAlive(p)
	return Remainder{float64(r.mean_s), float64(r.q10_s), float64(r.q50_s), float64(r.q90_s)}, err
}

// Call is what the runs of a profile ask of one model; a call is a task of an LLM stage.
type Call struct {
	Model                                     string // "": stages that name none
	Calls, Overlap, Group                     float64
	PromptTokens, OutputTokens, ContextTokens float64
	WorkS                                     float64
}

// CallCount is the number of models that the runs call.
func (p *Profile) CallCount() uint32 {
	defer runtime.KeepAlive(p)
	return uint32(C.llmsched_profile_call_count(p.open()))
}

// Call reads what the runs ask of a model, in the order of the models' names.
func (p *Profile) Call(index uint32) (Call, error) {
	if p.ptr == nil {
		return Call{}, closedError("Profile")
	}
	c := C.llmsched_profile_call{size: C.sizeof_llmsched_profile_call}
	e := newError()
	err := failure(C.llmsched_profile_get_call(p.ptr, C.uint32_t(index), &c, &e), &e)
	defer runtime.KeepAlive(p) // the model's name lives in it
	if err != nil {
		return Call{}, err
	}
	return Call{C.GoString(c.model), float64(c.calls), float64(c.overlap), float64(c.group), float64(c.prompt_tokens),
		float64(c.output_tokens), float64(c.context_tokens), float64(c.work_s)}, nil
}

// Bin is one bin of a stage's work, in alone-seconds.
type Bin struct {
	Count                             uint64
	MeanS, MinimumS, MaximumS, UpperS float64
}

// Bin reads one work bin of a stage, from 0.
func (p *Profile) Bin(stage, bin uint32) (Bin, error) {
	if p.ptr == nil {
		return Bin{}, closedError("Profile")
	}
	b := C.llmsched_profile_bin{size: C.sizeof_llmsched_profile_bin}
	e := newError()
	err := failure(C.llmsched_profile_get_bin(p.ptr, C.uint32_t(stage), C.uint32_t(bin), &b, &e), &e)
	runtime.KeepAlive(p)
	return Bin{uint64(b.count), float64(b.mean_s), float64(b.minimum_s), float64(b.maximum_s), float64(b.upper_s)}, err
}
