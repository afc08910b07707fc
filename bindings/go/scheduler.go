// SPDX-License-Identifier: Apache-2.0

package llmsched

/*
#include <llmsched/llmsched.h>
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// Executor is an engine, or one or more slots for regular tasks.
type Executor struct {
	Kind     Kind
	Model    string    // engines: the model served; empty: stages without a model
	Capacity uint32    // most tasks at once
	Batch    []float64 // slowdown curve: batch sizes, ascending, from 1
	Slowdown []float64 // l(b) / l(1) at those
	Price    float64   // of an alone-second served here, in the currency of fair shares; 0: 1
}

// Job is what is known of a job when it arrives.
type Job struct {
	Profile                           *Profile // nil: nothing is known of the application
	GivenMeanS, GivenLLMS, GivenToolS float64
	ArrivalS                          float64 // when it arrived, for every order by arrival; 0: at the event
	Tenant                            uint64  // who pays for it
	Weight                            float64 // the tenant's, from now on; 0: 1
}

// RevealedStage is a stage that a job has revealed.
type RevealedStage struct {
	Kind         Kind
	Name         string
	Model        string
	Parents      []uint32 // numbers of stages of the job that must finish first
	Tasks        uint32   // 0: 1
	Choice       uint32   // dynamic stages: the candidate chosen plus 1; 0: not known
	HasPrompt    bool
	PromptTokens float64
}

// Decision says: start this task on this executor now.
type Decision struct {
	Job, Executor uint64
	Stage, Task   uint32
}

// SchedulerOptions of a scheduler.
type SchedulerOptions struct {
	Policy string // a built-in one, such as "llmsched:epsilon=0"; empty: the default, "gittins"
	Custom Policy // the caller's own; then Policy must be empty
	Seed   uint64 // of the random stream
}

// Scheduler takes events and gives decisions.
type Scheduler struct {
	ptr *C.llmsched_scheduler
	cb  *callbacks
}

// NewScheduler makes a scheduler without executors and jobs.
func NewScheduler(context *Context, options SchedulerOptions) (*Scheduler, error) {
	if context.ptr == nil {
		return nil, closedError("Context")
	}
	var a arena
	defer a.free()
	o := (*C.llmsched_scheduler_options)(a.alloc(C.sizeof_llmsched_scheduler_options))
	o.size = C.sizeof_llmsched_scheduler_options
	o.policy = a.optional(options.Policy)
	o.seed = C.uint64_t(options.Seed)
	if a.err != nil {
		return nil, a.err
	}
	s := &Scheduler{}
	var user unsafe.Pointer
	if options.Custom != nil {
		s.cb = &callbacks{policy: options.Custom}
		o.custom, user = register(s.cb, &a)
	}
	e := newError()
	err := failure(C.llmsched_scheduler_create(context.ptr, o, &s.ptr, &e), &e)
	runtime.KeepAlive(context)
	if err != nil {
		if user != nil { // the library calls release for schedulers that came to be
			llmschedGoRelease(user)
		}
		return nil, err
	}
	runtime.SetFinalizer(s, (*Scheduler).Close)
	return s, nil
}

// Close ends the scheduler.
func (s *Scheduler) Close() {
	ptr := s.ptr
	s.ptr = nil
	runtime.SetFinalizer(s, nil)
	if ptr != nil {
		C.llmsched_scheduler_destroy(ptr)
	}
}

// result is the failure of a call, or of the policy's callback that caused it.
func (s *Scheduler) result(status C.llmsched_status, e *C.llmsched_error) error {
	runtime.KeepAlive(s)
	if s.cb != nil && s.cb.err != nil {
		err := s.cb.err
		s.cb.err = nil
		return err
	}
	return failure(status, e)
}

// post fills in an event in C memory and posts it.
func (s *Scheduler) post(kind uint32, timeS float64, fill func(e *C.llmsched_event, a *arena)) error {
	if s.ptr == nil {
		return closedError("Scheduler")
	}
	var a arena
	defer a.free()
	event := (*C.llmsched_event)(a.alloc(C.sizeof_llmsched_event))
	event.size = C.sizeof_llmsched_event
	event._type = C.uint32_t(kind)
	event.time_s = C.double(timeS)
	fill(event, &a)
	if a.err != nil {
		return a.err
	}
	e := newError()
	return s.result(C.llmsched_scheduler_post(s.ptr, event, &e), &e)
}

func executorInfo(executor Executor, a *arena) *C.llmsched_executor {
	info := (*C.llmsched_executor)(a.alloc(C.sizeof_llmsched_executor))
	info.size = C.sizeof_llmsched_executor
	info.kind = C.uint32_t(executor.Kind)
	info.model = a.optional(executor.Model)
	info.capacity = C.uint32_t(executor.Capacity)
	if len(executor.Batch) != len(executor.Slowdown) && a.err == nil {
		a.err = &Error{Status: ErrInvalid, Message: "Batch and Slowdown of an executor differ in length"}
	}
	info.curve_count = C.uint32_t(len(executor.Batch))
	info.curve_batch = a.doubles(executor.Batch)
	info.curve_slowdown = a.doubles(executor.Slowdown)
	info.price = C.double(executor.Price)
	return info
}

// ExecutorUp says that there is a new executor.
func (s *Scheduler) ExecutorUp(timeS float64, id uint64, executor Executor) error {
	return s.post(C.LLMSCHED_EVENT_EXECUTOR_UP, timeS, func(e *C.llmsched_event, a *arena) {
		e.executor, e.executor_info = C.uint64_t(id), executorInfo(executor, a)
	})
}

// ExecutorChanged says that capacity or curve changed.
func (s *Scheduler) ExecutorChanged(timeS float64, id uint64, executor Executor) error {
	return s.post(C.LLMSCHED_EVENT_EXECUTOR_CHANGED, timeS, func(e *C.llmsched_event, a *arena) {
		e.executor, e.executor_info = C.uint64_t(id), executorInfo(executor, a)
	})
}

// ExecutorDown says that an executor is gone; its tasks are ready again.
func (s *Scheduler) ExecutorDown(timeS float64, id uint64) error {
	return s.post(C.LLMSCHED_EVENT_EXECUTOR_DOWN, timeS, func(e *C.llmsched_event, a *arena) {
		e.executor = C.uint64_t(id)
	})
}

func jobInfo(job Job, a *arena) *C.llmsched_job {
	info := (*C.llmsched_job)(a.alloc(C.sizeof_llmsched_job))
	info.size = C.sizeof_llmsched_job
	if job.Profile != nil {
		if job.Profile.ptr == nil && a.err == nil {
			a.err = closedError("Profile")
		}
		info.profile = job.Profile.ptr
	}
	info.given_mean_s = C.double(job.GivenMeanS)
	info.given_llm_s = C.double(job.GivenLLMS)
	info.given_tool_s = C.double(job.GivenToolS)
	info.arrival_s = C.double(job.ArrivalS)
	info.tenant = C.uint64_t(job.Tenant)
	info.weight = C.double(job.Weight)
	return info
}

// JobArrived says that there is a new job.
func (s *Scheduler) JobArrived(timeS float64, id uint64, job Job) error {
	defer runtime.KeepAlive(job.Profile)
	return s.post(C.LLMSCHED_EVENT_JOB_ARRIVED, timeS, func(e *C.llmsched_event, a *arena) {
		e.job, e.job_info = C.uint64_t(id), jobInfo(job, a)
	})
}

// JobChanged says that the given fields of a job changed.
func (s *Scheduler) JobChanged(timeS float64, id uint64, job Job) error {
	defer runtime.KeepAlive(job.Profile)
	return s.post(C.LLMSCHED_EVENT_JOB_CHANGED, timeS, func(e *C.llmsched_event, a *arena) {
		e.job, e.job_info = C.uint64_t(id), jobInfo(job, a)
	})
}

// JobFinished says that a job is over.
func (s *Scheduler) JobFinished(timeS float64, id uint64) error {
	return s.post(C.LLMSCHED_EVENT_JOB_FINISHED, timeS, func(e *C.llmsched_event, a *arena) {
		e.job = C.uint64_t(id)
	})
}

// JobCancelled says that a job is given up.
func (s *Scheduler) JobCancelled(timeS float64, id uint64) error {
	return s.post(C.LLMSCHED_EVENT_JOB_CANCELLED, timeS, func(e *C.llmsched_event, a *arena) {
		e.job = C.uint64_t(id)
	})
}

func stageInfo(stage RevealedStage, a *arena) *C.llmsched_revealed_stage {
	info := (*C.llmsched_revealed_stage)(a.alloc(C.sizeof_llmsched_revealed_stage))
	info.size = C.sizeof_llmsched_revealed_stage
	info.kind = C.uint32_t(stage.Kind)
	info.name = a.text(stage.Name)
	info.model = a.optional(stage.Model)
	info.parents = a.uint32s(stage.Parents)
	info.parent_count = C.uint32_t(len(stage.Parents))
	info.tasks = C.uint32_t(stage.Tasks)
	info.choice = C.uint32_t(stage.Choice)
	if stage.HasPrompt {
		info.has_prompt = 1
	}
	info.prompt_tokens = C.double(stage.PromptTokens)
	return info
}

// StageRevealed says that a job has a new stage.
func (s *Scheduler) StageRevealed(timeS float64, job uint64, number uint32, stage RevealedStage) error {
	return s.post(C.LLMSCHED_EVENT_STAGE_REVEALED, timeS, func(e *C.llmsched_event, a *arena) {
		e.job, e.stage, e.stage_info = C.uint64_t(job), C.uint32_t(number), stageInfo(stage, a)
	})
}

// Unmeasured stands for an amount that nobody measured.
const Unmeasured = -1.0

// TaskFinished says that a started task has finished; its alone time and the tokens that it wrote may be Unmeasured.
func (s *Scheduler) TaskFinished(timeS float64, job uint64, stage, task uint32, aloneS, outputTokens float64) error {
	return s.post(C.LLMSCHED_EVENT_TASK_FINISHED, timeS, func(e *C.llmsched_event, a *arena) {
		e.job, e.stage, e.task = C.uint64_t(job), C.uint32_t(stage), C.uint32_t(task)
		if aloneS >= 0 {
			e.flags, e.alone_s = C.LLMSCHED_EVENT_HAS_ALONE, C.double(aloneS)
		}
		if outputTokens >= 0 {
			e.flags, e.output_tokens = e.flags|C.LLMSCHED_EVENT_HAS_OUTPUT, C.double(outputTokens)
		}
	})
}

// TaskFailed says that a started task was refused or failed; it is ready again.
func (s *Scheduler) TaskFailed(timeS float64, job uint64, stage, task uint32) error {
	return s.post(C.LLMSCHED_EVENT_TASK_FAILED, timeS, func(e *C.llmsched_event, a *arena) {
		e.job, e.stage, e.task = C.uint64_t(job), C.uint32_t(stage), C.uint32_t(task)
	})
}

// Next takes the next decision; ok is false when there is nothing to start.
func (s *Scheduler) Next(now float64) (d Decision, ok bool, err error) {
	if s.ptr == nil {
		return d, false, closedError("Scheduler")
	}
	decision := C.llmsched_decision{size: C.sizeof_llmsched_decision}
	e := newError()
	status := C.llmsched_scheduler_next(s.ptr, C.double(now), &decision, &e)
	if err := s.result(status, &e); err != nil {
		return d, false, err
	}
	d = Decision{uint64(decision.job), uint64(decision.executor), uint32(decision.stage), uint32(decision.task)}
	return d, status == C.LLMSCHED_OK, nil
}

// Stats is what a scheduler holds.
type Stats struct {
	Executors, Jobs, Ready, Running uint32
	Events, Decisions               uint64
}

// Stats reads the statistics.
func (s *Scheduler) Stats() (Stats, error) {
	if s.ptr == nil {
		return Stats{}, closedError("Scheduler")
	}
	st := C.llmsched_scheduler_stats{size: C.sizeof_llmsched_scheduler_stats}
	e := newError()
	err := failure(C.llmsched_scheduler_get_stats(s.ptr, &st, &e), &e)
	runtime.KeepAlive(s)
	return Stats{uint32(st.executors), uint32(st.jobs), uint32(st.ready), uint32(st.running), uint64(st.events),
		uint64(st.decisions)}, err
}

// Tenant reads a tenant's account; ok is false when it has no job.
func (s *Scheduler) Tenant(id uint64) (t TenantView, ok bool, err error) {
	if s.ptr == nil {
		return TenantView{}, false, closedError("Scheduler")
	}
	c := C.llmsched_tenant_view{size: C.sizeof_llmsched_tenant_view}
	e := newError()
	status := C.llmsched_scheduler_get_tenant(s.ptr, C.uint64_t(id), &c, &e)
	runtime.KeepAlive(s)
	return tenantView(&c), status == C.LLMSCHED_OK, failure(status, &e)
}
