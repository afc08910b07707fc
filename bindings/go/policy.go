// SPDX-License-Identifier: Apache-2.0

package llmsched

/*
#include <stdlib.h>
#include <llmsched/llmsched.h>

llmsched_policy llmsched_go_policy(void *user, int chooses, int places, int lazy);
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"unsafe"
)

// PolicyInfo describes a built-in policy.
type PolicyInfo struct{ Name, Summary string }

// Policies lists the built-in policies.
func Policies() []PolicyInfo {
	list := make([]PolicyInfo, C.llmsched_policy_count())
	for i := range list {
		list[i] = PolicyInfo{C.GoString(C.llmsched_policy_name(C.uint32_t(i))),
			C.GoString(C.llmsched_policy_summary(C.uint32_t(i)))}
	}
	return list
}

// Policy is a policy of the caller's own. An error, or a panic, in a callback comes out of the scheduler's call.
type Policy interface {
	// Key of a ready stage: the least goes first. It must depend on nothing that changes without an event of the job.
	Key(view *View, job uint64, stage uint32) (float64, error)
}

// Chooser may be implemented by a Policy too: it chooses from a queue instead of the least key. nil: nothing now.
type Chooser interface {
	Choose(view *View, queue uint32) (*Choice, error)
}

// Placer may be implemented by a Policy too: it chooses the executor of a stage's next task. ok false: any.
type Placer interface {
	Place(view *View, job uint64, stage uint32) (executor uint64, ok bool, err error)
}

// Lazy may be implemented by a Policy too: keys are not asked for while all that is ready in a queue finds room.
type Lazy interface{ Lazy() bool }

// Choice names tasks of a ready stage to start; Tasks 0: all its ready tasks.
type Choice struct {
	Job   uint64
	Stage uint32
	Tasks uint32
}

// callbacks is what the handle in C stands for.
type callbacks struct {
	policy Policy
	err    error // the last failure of a callback
}

// register gives the table of callbacks; C owns user until release is called.
func register(cb *callbacks, a *arena) (*C.llmsched_policy, unsafe.Pointer) {
	user := C.malloc(C.size_t(unsafe.Sizeof(uintptr(0))))
	*(*C.uintptr_t)(user) = C.uintptr_t(cgo.NewHandle(cb))
	table := (*C.llmsched_policy)(a.alloc(C.sizeof_llmsched_policy))
	chooses, places, lazy := C.int(0), C.int(0), C.int(0)
	if _, ok := cb.policy.(Chooser); ok {
		chooses = 1
	}
	if _, ok := cb.policy.(Placer); ok {
		places = 1
	}
	if l, ok := cb.policy.(Lazy); ok && l.Lazy() {
		lazy = 1
	}
	*table = C.llmsched_go_policy(user, chooses, places, lazy)
	return table, user
}

//export llmschedGoRelease
func llmschedGoRelease(user unsafe.Pointer) {
	cgo.Handle(*(*C.uintptr_t)(user)).Delete()
	C.free(user)
}

// guarded runs a callback; its error, or panic, is kept for the scheduler's call.
func guarded(handle C.uintptr_t, ptr *C.llmsched_view, run func(cb *callbacks, view *View) error) (status C.llmsched_status) {
	cb := cgo.Handle(handle).Value().(*callbacks)
	view := &View{ptr}
	defer func() {
		view.ptr = nil
		if p := recover(); p != nil {
			cb.err = fmt.Errorf("llmsched: panic in a policy: %v", p)
			status = C.LLMSCHED_ERROR_CALLBACK
		}
	}()
	if err := run(cb, view); err != nil {
		cb.err = err
		return C.LLMSCHED_ERROR_CALLBACK
	}
	return C.LLMSCHED_OK
}

//export llmschedGoKey
func llmschedGoKey(handle C.uintptr_t, ptr *C.llmsched_view, job C.uint64_t, stage C.uint32_t, out *C.double) C.llmsched_status {
	return guarded(handle, ptr, func(cb *callbacks, view *View) error {
		key, err := cb.policy.Key(view, uint64(job), uint32(stage))
		if err == nil {
			*out = C.double(key)
		}
		return err
	})
}

//export llmschedGoChoose
func llmschedGoChoose(handle C.uintptr_t, ptr *C.llmsched_view, queue C.uint32_t, out *C.llmsched_choice) C.llmsched_status {
	nothing := false
	status := guarded(handle, ptr, func(cb *callbacks, view *View) error {
		choice, err := cb.policy.(Chooser).Choose(view, uint32(queue))
		if err != nil {
			return err
		}
		if nothing = choice == nil; !nothing {
			out.job, out.stage, out.tasks = C.uint64_t(choice.Job), C.uint32_t(choice.Stage), C.uint32_t(choice.Tasks)
		}
		return nil
	})
	if status == C.LLMSCHED_OK && nothing {
		return C.LLMSCHED_NONE
	}
	return status
}

//export llmschedGoPlace
func llmschedGoPlace(handle C.uintptr_t, ptr *C.llmsched_view, job C.uint64_t, stage C.uint32_t, out *C.uint64_t) C.llmsched_status {
	any := false
	status := guarded(handle, ptr, func(cb *callbacks, view *View) error {
		executor, ok, err := cb.policy.(Placer).Place(view, uint64(job), uint32(stage))
		if any = !ok; ok {
			*out = C.uint64_t(executor)
		}
		return err
	})
	if status == C.LLMSCHED_OK && any {
		return C.LLMSCHED_NONE
	}
	return status
}

// View is the scheduler's state as revealed so far; valid during the callback only.
type View struct{ ptr *C.llmsched_view }

func (v *View) open() *C.llmsched_view {
	if v.ptr == nil {
		panic("llmsched: this View is over: it is valid during its callback only")
	}
	return v.ptr
}

// Now is the time of the call that asks.
func (v *View) Now() float64 { return float64(C.llmsched_view_now(v.open())) }

// Random is the next number of the scheduler's random stream, in [0, 1).
func (v *View) Random() float64 { return float64(C.llmsched_view_random(v.open())) }

// QueueView is one queue.
type QueueView struct {
	Kind                     Kind
	Model                    string
	Capacity, Running, Ready uint32
}

// Queue reads a queue.
func (v *View) Queue(queue uint32) (QueueView, error) {
	q := C.llmsched_queue_view{size: C.sizeof_llmsched_queue_view}
	err := bare(C.llmsched_view_queue(v.open(), C.uint32_t(queue), &q))
	return QueueView{Kind(q.kind), C.GoString(q.model), uint32(q.capacity), uint32(q.running), uint32(q.ready)}, err
}

// Head is the queue's stage of least key; ok is false when the queue is empty.
func (v *View) Head(queue uint32) (job uint64, stage uint32, ok bool, err error) {
	var j C.uint64_t
	var s C.uint32_t
	status := C.llmsched_view_head(v.open(), C.uint32_t(queue), &j, &s)
	return uint64(j), uint32(s), status == C.LLMSCHED_OK, bare(status)
}

// Ready is the i-th ready stage of a queue, in an order that means nothing.
func (v *View) Ready(queue, i uint32) (job uint64, stage uint32, err error) {
	var j C.uint64_t
	var s C.uint32_t
	err = bare(C.llmsched_view_ready(v.open(), C.uint32_t(queue), C.uint32_t(i), &j, &s))
	return uint64(j), uint32(s), err
}

// JobView is one job.
type JobView struct {
	UnfinishedStages, RunningLLM, RunningTool uint32
	ArrivalS, DoneLLMS, DoneToolS             float64
	GivenMeanS, GivenLLMS, GivenToolS         float64
	Tenant, LastEngine                        uint64
	HasLastEngine                             bool
	WaitedLLMS, ChainLLMS                     float64
}

// Job reads a job.
func (v *View) Job(job uint64) (JobView, error) {
	j := C.llmsched_job_view{size: C.sizeof_llmsched_job_view}
	err := bare(C.llmsched_view_job(v.open(), C.uint64_t(job), &j))
	return JobView{uint32(j.unfinished_stages), uint32(j.running_llm), uint32(j.running_tool), float64(j.arrival_s),
		float64(j.done_llm_s), float64(j.done_tool_s), float64(j.given_mean_s), float64(j.given_llm_s),
		float64(j.given_tool_s), uint64(j.tenant), uint64(j.last_engine), j.has_last_engine != 0,
		float64(j.waited_llm_s), float64(j.chain_llm_s)}, err
}

// Freed is the job whose task freed the queue's i-th free place; ok is false past the last.
func (v *View) Freed(queue, i uint32) (job uint64, ok bool, err error) {
	var j C.uint64_t
	status := C.llmsched_view_freed(v.open(), C.uint32_t(queue), C.uint32_t(i), &j)
	return uint64(j), status == C.LLMSCHED_OK, bare(status)
}

// JobCount is the number of live jobs.
func (v *View) JobCount() uint32 { return uint32(C.llmsched_view_job_count(v.open())) }

// StageView is one revealed stage.
type StageView struct {
	Kind                  Kind
	Name, Model           string
	Queue, TemplateStage  uint32 // TemplateStage may be None
	Tasks, Ready, Running uint32
	HasPrompt             bool
	PromptTokens          float64

	ReadyS, ChainLLMS, ServedS float64
	MeanS, PathS               float64
	PathStages, ChildStages    uint32
}

// Stage reads a stage.
func (v *View) Stage(job uint64, stage uint32) (StageView, error) {
	s := C.llmsched_stage_view{size: C.sizeof_llmsched_stage_view}
	err := bare(C.llmsched_view_stage(v.open(), C.uint64_t(job), C.uint32_t(stage), &s))
	return StageView{Kind(s.kind), C.GoString(s.name), C.GoString(s.model), uint32(s.queue), uint32(s.template_stage),
		uint32(s.tasks), uint32(s.ready), uint32(s.running), s.has_prompt != 0, float64(s.prompt_tokens),
		float64(s.ready_s), float64(s.chain_llm_s), float64(s.served_s), float64(s.mean_s), float64(s.path_s),
		uint32(s.path_stages), uint32(s.child_stages)}, err
}

// ExecutorView is one executor.
type ExecutorView struct {
	Queue, Capacity, Running uint32
	Price                    float64
}

// Executor reads an executor; ok is false when it is not up.
func (v *View) Executor(id uint64) (e ExecutorView, ok bool, err error) {
	c := C.llmsched_executor_view{size: C.sizeof_llmsched_executor_view}
	status := C.llmsched_view_executor(v.open(), C.uint64_t(id), &c)
	return ExecutorView{uint32(c.queue), uint32(c.capacity), uint32(c.running), float64(c.price)},
		status == C.LLMSCHED_OK, bare(status)
}

// ExecutorAt is the id of a queue's i-th executor, in an order that means nothing; ok is false past the last.
func (v *View) ExecutorAt(queue, i uint32) (id uint64, ok bool, err error) {
	var e C.uint64_t
	status := C.llmsched_view_executor_at(v.open(), C.uint32_t(queue), C.uint32_t(i), &e)
	return uint64(e), status == C.LLMSCHED_OK, bare(status)
}

// TenantView is one tenant's account.
type TenantView struct {
	Jobs, Ready, Running   uint32
	Weight, TagS, ServiceS float64
}

// Tenant reads a tenant; ok is false when it has no job.
func (v *View) Tenant(id uint64) (t TenantView, ok bool, err error) {
	c := C.llmsched_tenant_view{size: C.sizeof_llmsched_tenant_view}
	status := C.llmsched_view_tenant(v.open(), C.uint64_t(id), &c)
	return tenantView(&c), status == C.LLMSCHED_OK, bare(status)
}

func tenantView(c *C.llmsched_tenant_view) TenantView {
	return TenantView{uint32(c.jobs), uint32(c.ready), uint32(c.running), float64(c.weight), float64(c.tag_s),
		float64(c.service_s)}
}

// Where an estimate or a forecast comes from.
const (
	ByNetwork = uint32(C.LLMSCHED_BY_NETWORK)
	ByHistory = uint32(C.LLMSCHED_BY_HISTORY)
	ByTree    = uint32(C.LLMSCHED_BY_TREE)
	ByForest  = uint32(C.LLMSCHED_BY_FOREST)
)

// Estimate gives a job's remaining work of one kind (0: both together).
func (v *View) Estimate(job uint64, kind Kind, method uint32) (Remaining, error) {
	r := C.llmsched_estimate{size: C.sizeof_llmsched_estimate}
	err := bare(C.llmsched_view_estimate(v.open(), C.uint64_t(job), C.uint32_t(kind), C.uint32_t(method), &r))
	return Remaining{float64(r.mean_s), float64(r.lo_s), float64(r.hi_s)}, err
}

// Gittins index of a job's remaining LLM work at its age.
func (v *View) Gittins(job uint64, method uint32) (float64, error) {
	var value C.double
	err := bare(C.llmsched_view_gittins(v.open(), C.uint64_t(job), C.uint32_t(method), &value))
	return float64(value), err
}

// Reduction is the uncertainty reduction of a ready stage.
func (v *View) Reduction(job uint64, stage uint32) (float64, error) {
	var value C.double
	err := bare(C.llmsched_view_reduction(v.open(), C.uint64_t(job), C.uint32_t(stage), &value))
	return float64(value), err
}
