// SPDX-License-Identifier: Apache-2.0

package llmsched

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func newContext(t *testing.T) *Context {
	t.Helper()
	context, err := NewContext(nil)
	if err != nil {
		t.Fatal(err)
	}
	return context
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// smallDag builds plan -> {search, read} -> answer.
func smallDag(t *testing.T) *Dag {
	t.Helper()
	builder, err := NewDagBuilder(newContext(t), "assistant")
	must(t, err)
	defer builder.Close()
	for _, stage := range []Stage{{Kind: LLM, ID: "plan"}, {Kind: Regular, ID: "search"},
		{Kind: Regular, ID: "read", Tasks: 3}, {Kind: LLM, ID: "answer", Model: "judge"}} {
		_, err := builder.AddStage(stage)
		must(t, err)
	}
	for _, edge := range [][2]uint32{{0, 1}, {0, 2}, {1, 3}, {2, 3}} {
		must(t, builder.AddEdge(edge[0], edge[1]))
	}
	dag, err := builder.Freeze()
	must(t, err)
	return dag
}

func equal(t *testing.T, got, want interface{}) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestDag(t *testing.T) {
	dag := smallDag(t)
	equal(t, dag.Name(), "assistant")
	equal(t, dag.StageCount(), uint32(4))
	equal(t, dag.EdgeCount(), uint32(4))
	equal(t, dag.Parents(3), []uint32{1, 2})
	equal(t, dag.Children(0), []uint32{1, 2})
	equal(t, dag.Order(), []uint32{0, 1, 2, 3})
	equal(t, dag.Find("read"), uint32(2))
	equal(t, dag.Find("nothing"), None)
	equal(t, dag.FindOccurrence(LLM, "answer", 0), uint32(3))
	stage, err := dag.Stage(2)
	must(t, err)
	equal(t, stage, Stage{Regular, "read", "read", "", 0, 3})
	length, path, err := dag.CriticalPath([]float64{1, 5, 2, 1})
	must(t, err)
	equal(t, length, 7.0)
	equal(t, path, []uint32{0, 1, 3})
	text, err := dag.JSON()
	must(t, err)
	again, err := ParseDag(newContext(t), []byte(text))
	must(t, err)
	textAgain, err := again.JSON()
	must(t, err)
	equal(t, textAgain, text)
}

func TestCandidatesAndLoops(t *testing.T) {
	builder, err := NewDagBuilder(newContext(t), "planner")
	must(t, err)
	for _, stage := range []Stage{{Kind: LLM, ID: "plan"}, {Kind: Dynamic, ID: "tools"}, {Kind: Regular, ID: "search"},
		{Kind: LLM, ID: "act"}} {
		_, err := builder.AddStage(stage)
		must(t, err)
	}
	must(t, builder.AddEdge(0, 1))
	_, err = builder.AddCandidate(1, "with search", []uint32{2})
	must(t, err)
	_, err = builder.AddCandidate(1, "nothing", nil)
	must(t, err)
	first, err := builder.AddLoop([]uint32{3}, 3)
	must(t, err)
	equal(t, first, uint32(4))
	dag, err := builder.Freeze()
	must(t, err)
	equal(t, dag.Candidates(1), []Candidate{{"with search", []uint32{2}}, {"nothing", nil}})
	equal(t, dag.Parents(5), []uint32{4})
}

func TestErrors(t *testing.T) {
	context := newContext(t)
	builder, err := NewDagBuilder(context, "x")
	must(t, err)
	for _, id := range []string{"a", "b"} {
		_, err := builder.AddStage(Stage{Kind: LLM, ID: id})
		must(t, err)
	}
	if _, err := builder.AddStage(Stage{Kind: LLM, ID: "a"}); !errors.Is(err, ErrExists) {
		t.Fatalf("not ErrExists: %v", err)
	}
	must(t, builder.AddEdge(0, 1))
	must(t, builder.AddEdge(1, 0))
	_, err = builder.Freeze()
	var e *Error
	if !errors.As(err, &e) || e.Status != ErrCycle || !strings.Contains(e.Message, "a") {
		t.Fatalf("not a cycle: %v", err)
	}
	_, err = ParseDag(context, []byte("{\n\"format\": 1\n"))
	if !errors.As(err, &e) || e.Status != ErrParse || e.Line < 2 {
		t.Fatalf("not a parse error with a line: %v", err)
	}
	if _, err := NewDagBuilder(context, "a\x00b"); !errors.Is(err, ErrInvalid) {
		t.Fatalf("a NUL passed: %v", err)
	}
	if _, err := NewScheduler(context, SchedulerOptions{Policy: "no such policy"}); !errors.Is(err, ErrNotFound) {
		t.Fatalf("not ErrNotFound: %v", err)
	}
}

func TestClose(t *testing.T) {
	dag := smallDag(t)
	dag.Close()
	dag.Close()
	if _, err := dag.JSON(); !errors.Is(err, ErrState) {
		t.Fatalf("not ErrState: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Fatal("a getter of a closed object did not panic")
		}
	}()
	dag.Name()
}

func smallProfile(t *testing.T) *Profile {
	t.Helper()
	profiler, err := NewProfiler(newContext(t), "agent", nil, &ProfilerOptions{Bins: 3})
	must(t, err)
	defer profiler.Close()
	for i := 0; i < 40; i++ {
		work := []float64{10, 1}[i%2]
		run := Run{App: "agent", Stages: []RunStage{{Kind: LLM, Name: "act", WorkS: work, PromptTokens: 100},
			{Kind: Regular, Name: "run", WorkS: 0.5, Parents: []uint32{0}}}}
		if i%2 == 1 {
			run.Stages = append(run.Stages, RunStage{Kind: LLM, Name: "act", WorkS: work, PromptTokens: 100, Parents: []uint32{1}})
		}
		must(t, profiler.Observe(run))
	}
	equal(t, profiler.RunCount(), uint64(40))
	profile, err := profiler.Fit()
	must(t, err)
	return profile
}

func TestRefit(t *testing.T) {
	profiler, err := NewProfiler(newContext(t), "agent", nil, &ProfilerOptions{HalfLife: 1e9, KeepRuns: 5})
	must(t, err)
	defer profiler.Close()
	for i := 0; i < 20; i++ {
		run := Run{App: "agent", Stages: []RunStage{{Kind: LLM, Name: "act", WorkS: float64(i)}}}
		if i == 19 {
			run.Stages[0].Missing = MissingWork
			run.Truncated = true
		}
		must(t, profiler.Observe(run))
		_, err := profiler.Refit()
		must(t, err)
	}
	profile, err := profiler.Refit()
	must(t, err)
	summary, err := profile.Summary()
	must(t, err)
	equal(t, summary.RunCount, uint64(20))
	if summary.MeanLLMS < 8.99 || summary.MeanLLMS > 9.01 {
		t.Fatalf("mean %g", summary.MeanLLMS)
	}
}

func TestProfile(t *testing.T) {
	profile := smallProfile(t)
	equal(t, profile.Name(), "agent")
	summary, err := profile.Summary()
	must(t, err)
	equal(t, summary.RunCount, uint64(40))
	text, err := profile.JSON()
	must(t, err)
	again, err := ParseProfile(newContext(t), []byte(text))
	must(t, err)
	textAgain, err := again.JSON()
	must(t, err)
	equal(t, textAgain, text)

	first := profile.Dag().FindOccurrence(LLM, "act", 0)
	quantifier, err := NewQuantifier(profile, 3)
	must(t, err)
	defer quantifier.Close()
	before, err := quantifier.Remaining(LLM)
	must(t, err)
	evidence := make([]Evidence, profile.Dag().StageCount())
	evidence[first] = Evidence{State: Present}
	must(t, quantifier.SetEvidence(evidence))
	belief, err := quantifier.Stage(first)
	must(t, err)
	equal(t, belief.Presence, 1.0)
	reduction, err := quantifier.Reduction(first)
	must(t, err)
	if before.HiS <= before.LoS || reduction <= 0 {
		t.Fatalf("no uncertainty: %v, reduction %v", before, reduction)
	}
	quantiles, err := quantifier.Quantiles(LLM, []float64{0.1, 0.9})
	must(t, err)
	variance, err := quantifier.Variance(LLM)
	must(t, err)
	entropy, err := quantifier.Entropy(first)
	must(t, err)
	if quantiles[0] >= quantiles[1] || variance <= 0 || entropy <= 0 {
		t.Fatalf("no spread: %v, variance %v, entropy %v", quantiles, variance, entropy)
	}
	whole, err := quantifier.Distribution(LLM)
	must(t, err)
	path, err := quantifier.Path([]float64{0.5})
	must(t, err)
	mean, err := quantifier.CriticalPath()
	must(t, err)
	if whole.Form != Grid || len(whole.Values) < 3 || path.MeanS != mean || path.Form != Points {
		t.Fatalf("no distribution: %v, path %v, mean %v", whole, path, mean)
	}
	stage, err := profile.Stage(first)
	must(t, err)
	count := uint64(0)
	for i := uint32(0); i < stage.BinCount; i++ {
		bin, err := profile.Bin(first, i)
		must(t, err)
		count += bin.Count
	}
	equal(t, count, uint64(40))
}

func TestCalls(t *testing.T) {
	profiler, err := NewProfiler(newContext(t), "fan", nil, nil)
	must(t, err)
	defer profiler.Close()
	must(t, profiler.Observe(Run{App: "fan", Stages: []RunStage{
		{Kind: LLM, Name: "act", Model: "m", WorkS: 2, PromptTokens: 100},
		{Kind: LLM, Name: "act", Model: "m", WorkS: 4, PromptTokens: 200},
		{Kind: LLM, Name: "judge", Parents: []uint32{0, 1}, Tasks: 2, OutputTokens: 10, WorkS: 2},
	}}))
	profile, err := profiler.Fit()
	must(t, err)
	want := []Call{{"", 2, 2, 2, 0, 5, 2.5, 1}, {"m", 2, 1.5, 2, 150, 0, 150, 3}}
	equal(t, profile.CallCount(), uint32(len(want)))
	for i := range want {
		call, err := profile.Call(uint32(i))
		must(t, err)
		equal(t, call, want[i])
	}
	if _, err := profile.Call(2); err == nil {
		t.Fatal("a third call")
	}
}

func TestForecasts(t *testing.T) {
	profile := smallProfile(t)
	progress, err := NewProgress(profile)
	must(t, err)
	quantifier, err := NewQuantifier(profile, 3)
	must(t, err)
	defer quantifier.Close()
	act, err := progress.Reveal(RevealedStage{Kind: LLM, Name: "act", HasPrompt: true, PromptTokens: 100})
	must(t, err)
	equal(t, act, uint32(0))
	equal(t, progress.TemplateStage(act), profile.Dag().FindOccurrence(LLM, "act", 0))
	equal(t, progress.TemplateStage(1), None)
	must(t, progress.Serve(act, 0.5))
	if _, _, err := quantifier.Forecast(LLM, ByForest, nil); !errors.Is(err, ErrState) {
		t.Fatalf("not ErrState: %v", err)
	}
	must(t, quantifier.SetProgress(progress))
	for _, method := range []uint32{ByNetwork, ByHistory, ByTree, ByForest} {
		mean, quantiles, err := quantifier.Forecast(LLM, method, []float64{0.1, 0.9})
		must(t, err)
		if mean <= 1 || quantiles[0] >= quantiles[1] {
			t.Fatalf("by %d: %v, %v", method, mean, quantiles)
		}
	}
	if _, _, err := quantifier.Forecast(LLM, ByForest, []float64{2}); !errors.Is(err, ErrInvalid) {
		t.Fatalf("not ErrInvalid: %v", err)
	}
	must(t, progress.End(act, 10, Unmeasured))
	if err := progress.End(act, 10, 5); !errors.Is(err, ErrNotFound) {
		t.Fatalf("not ErrNotFound: %v", err)
	}
	must(t, quantifier.SetProgress(progress))
	mean, quantiles, err := quantifier.Forecast(LLM, ByForest, []float64{0.5})
	must(t, err)
	equal(t, mean, 0.0)
	equal(t, quantiles, []float64{0})
	if _, err := progress.Reveal(RevealedStage{Kind: LLM, Name: "a\x00b"}); !errors.Is(err, ErrInvalid) {
		t.Fatalf("a NUL passed: %v", err)
	}
	progress.Close()
	progress.Close()
	if err := quantifier.SetProgress(progress); !errors.Is(err, ErrState) {
		t.Fatalf("not ErrState: %v", err)
	}
	if _, err := progress.Reveal(RevealedStage{}); !errors.Is(err, ErrState) {
		t.Fatalf("not ErrState: %v", err)
	}
}

func TestHistory(t *testing.T) {
	context := newContext(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "runs", "code_generation__mint.jsonl"))
	must(t, err)
	history, err := ParseHistory(context, "code_generation__mint", text)
	must(t, err)
	defer history.Close()
	equal(t, int(history.Count()), strings.Count(string(text), "\n"))
	profiler, err := NewProfiler(context, "code_generation", nil, nil)
	must(t, err)
	for i := uint32(0); i < history.Count(); i++ {
		must(t, profiler.ObserveHistory(history, i))
	}
	profile, err := profiler.Fit()
	must(t, err)
	if profile.Dag().StageCount() < 2 {
		t.Fatal("an empty template")
	}
	if err := profiler.ObserveHistory(history, history.Count()); !errors.Is(err, ErrInvalid) {
		t.Fatalf("a run past the last was observed: %v", err)
	}
}

type shortestPrompt struct{ kept *View }

func (p *shortestPrompt) Key(view *View, job uint64, stage uint32) (float64, error) {
	p.kept = view
	info, err := view.Stage(job, stage)
	return info.PromptTokens, err
}

type latestJob struct{ shortestPrompt }

func (*latestJob) Choose(view *View, queue uint32) (*Choice, error) {
	info, err := view.Queue(queue)
	if err != nil || info.Running > 0 {
		return nil, err
	}
	best := &Choice{}
	for i := uint32(0); i < info.Ready; i++ {
		job, stage, err := view.Ready(queue, i)
		if err != nil {
			return nil, err
		}
		if job >= best.Job {
			best = &Choice{Job: job, Stage: stage}
		}
	}
	return best, nil
}

type broken struct{ panics bool }

var errBroken = errors.New("broken")

func (b broken) Key(*View, uint64, uint32) (float64, error) {
	if b.panics {
		panic("broken")
	}
	return 0, errBroken
}

func schedulerWithJobs(t *testing.T, options SchedulerOptions, capacity uint32) *Scheduler {
	t.Helper()
	scheduler, err := NewScheduler(newContext(t), options)
	must(t, err)
	must(t, scheduler.ExecutorUp(0, 7, Executor{Kind: LLM, Capacity: capacity}))
	for job := uint64(0); job < 3; job++ {
		must(t, scheduler.JobArrived(0, job, Job{}))
		must(t, scheduler.StageRevealed(0, job, 0, RevealedStage{Kind: LLM, Name: "answer", HasPrompt: true,
			PromptTokens: float64(100 * (3 - job))}))
	}
	return scheduler
}

func TestLoop(t *testing.T) {
	scheduler := schedulerWithJobs(t, SchedulerOptions{Policy: "fcfs"}, 1)
	d, ok, err := scheduler.Next(0)
	must(t, err)
	equal(t, ok, true)
	equal(t, d, Decision{Job: 0, Executor: 7})
	_, ok, err = scheduler.Next(0)
	must(t, err)
	equal(t, ok, false)
	must(t, scheduler.TaskFailed(1, 0, 0, 0))
	d, _, err = scheduler.Next(1)
	must(t, err)
	equal(t, d.Job, uint64(0))
	must(t, scheduler.TaskFinished(2, 0, 0, 0, Unmeasured, 20))
	must(t, scheduler.JobFinished(2, 0))
	if err := scheduler.JobFinished(2, 0); !errors.Is(err, ErrNotFound) {
		t.Fatalf("not ErrNotFound: %v", err)
	}
	scheduler.Close()
	scheduler.Close()
	if _, _, err := scheduler.Next(2); !errors.Is(err, ErrState) {
		t.Fatalf("not ErrState: %v", err)
	}
}

func TestCustomPolicy(t *testing.T) {
	policy := &shortestPrompt{}
	scheduler := schedulerWithJobs(t, SchedulerOptions{Custom: policy}, 1)
	d, _, err := scheduler.Next(0)
	must(t, err)
	equal(t, d.Job, uint64(2))
	scheduler.Close()

	scheduler = schedulerWithJobs(t, SchedulerOptions{Custom: &latestJob{}}, 2)
	d, ok, err := scheduler.Next(0)
	must(t, err)
	equal(t, ok, true)
	equal(t, d.Job, uint64(2))
	_, ok, err = scheduler.Next(0)
	must(t, err)
	equal(t, ok, false)
	scheduler.Close()

	defer func() {
		if recover() == nil {
			t.Fatal("a View was usable after its callback")
		}
	}()
	policy.kept.Now()
}

type placing struct {
	shortestPrompt
	executor ExecutorView
	tenant   TenantView
}

func (p *placing) Place(view *View, job uint64, stage uint32) (uint64, bool, error) {
	info, err := view.Job(job)
	if err != nil {
		return 0, false, err
	}
	at, err := view.Stage(job, stage)
	if err != nil {
		return 0, false, err
	}
	if p.tenant, _, err = view.Tenant(info.Tenant); err != nil {
		return 0, false, err
	}
	for i := uint32(0); ; i++ {
		id, ok, err := view.ExecutorAt(at.Queue, i)
		if err != nil || !ok {
			return 0, false, err
		}
		if p.executor, _, err = view.Executor(id); err != nil || id == 8 {
			return id, true, err
		}
	}
}

func TestPlacing(t *testing.T) {
	policy := &placing{}
	scheduler := schedulerWithJobs(t, SchedulerOptions{Custom: policy}, 1)
	defer scheduler.Close()
	must(t, scheduler.ExecutorUp(0, 8, Executor{Kind: LLM, Capacity: 2, Price: 3}))
	must(t, scheduler.JobArrived(0, 9, Job{Tenant: 4, Weight: 2}))
	must(t, scheduler.StageRevealed(0, 9, 0, RevealedStage{Kind: LLM, Name: "short"}))
	d, ok, err := scheduler.Next(0)
	must(t, err)
	equal(t, ok, true)
	equal(t, d, Decision{Job: 9, Executor: 8})
	equal(t, policy.executor.Price, 3.0)
	equal(t, policy.tenant.Weight, 2.0)
	tenant, ok, err := scheduler.Tenant(4)
	must(t, err)
	equal(t, ok, true)
	equal(t, tenant.Running, uint32(1))
	equal(t, tenant.TagS, 1.5)
	_, ok, err = scheduler.Tenant(5)
	must(t, err)
	equal(t, ok, false)
	index, err := GittinsIndex([]float64{50, 51}, []float64{1, 1}, 0)
	must(t, err)
	equal(t, index, 50.5)
}

func TestPolicyThatFails(t *testing.T) {
	scheduler := schedulerWithJobs(t, SchedulerOptions{Custom: broken{}}, 1)
	defer scheduler.Close()
	if _, _, err := scheduler.Next(0); !errors.Is(err, errBroken) {
		t.Fatalf("not the policy's error: %v", err)
	}
	panicking := schedulerWithJobs(t, SchedulerOptions{Custom: broken{panics: true}}, 1)
	defer panicking.Close()
	if _, _, err := panicking.Next(0); err == nil || !strings.Contains(err.Error(), "panic in a policy") {
		t.Fatalf("not the policy's panic: %v", err)
	}
	if _, err := NewScheduler(newContext(t), SchedulerOptions{Custom: broken{}, Policy: "fcfs"}); !errors.Is(err, ErrInvalid) {
		t.Fatalf("two policies passed: %v", err)
	}
}

// The collector runs between all calls; what C still needs must be alive.
func TestUnderTheCollector(t *testing.T) {
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for i := 0; i < 50; i++ {
		scheduler := schedulerWithJobs(t, SchedulerOptions{Custom: &shortestPrompt{}}, 1)
		must(t, scheduler.JobArrived(0, 99, Job{Profile: smallProfile(t)}))
		must(t, scheduler.StageRevealed(0, 99, 0, RevealedStage{Kind: LLM, Name: "act"}))
		d, ok, err := scheduler.Next(0)
		must(t, err)
		if !ok || d.Job != 99 { // no prompt: the least key
			t.Fatalf("decision %v", d)
		}
		equal(t, smallDag(t).Name(), "assistant")
	}
	close(stop)
	<-done
}

func TestPolicies(t *testing.T) {
	names := ""
	for _, policy := range Policies() {
		names += policy.Name + " "
	}
	if !strings.Contains(names, "fcfs ") || !strings.Contains(names, "llmsched ") {
		t.Fatalf("policies: %s", names)
	}
	equal(t, strings.Count(Version(), "."), 2)
}
