// SPDX-License-Identifier: Apache-2.0

package llmsched

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// The recorded scenario of tests/golden: what replay.c does, in Go.

var kinds = map[string]Kind{"llm": LLM, "regular": Regular, "dynamic": Dynamic}

type stageData struct {
	Kind, Name, Model string
	Seconds           float64
	Parents           []uint32
	Tasks, Fails      uint32
	Choice            *uint32
	PromptTokens      *float64 `json:"prompt_tokens"`
	OutputTokens      *float64 `json:"output_tokens"`
}

type happening struct {
	TimeS      float64 `json:"time_s"`
	ArrivalS   float64 `json:"arrival_s"`
	Type       string
	ID         uint64 `json:"id"`
	Job        uint64
	Executor   uint64
	Kind       string
	Model      string
	Capacity   uint32
	Curve      [][2]float64
	Profile    bool
	GivenMeanS float64 `json:"given_mean_s"`
	Stages     []stageData
	Tenant     uint64
	Weight     float64
	Price      float64
}

type scenario struct {
	Seed                    uint64
	Policies                []string
	Executors, Jobs, Events []happening
}

type replayJob struct {
	happening
	over                 bool
	tasksLeft, failsLeft []uint32
	revealed             []bool
}

type pendingTask struct {
	end   float64
	fails bool
	Decision
}

func (a pendingTask) before(b pendingTask) bool {
	switch {
	case a.end != b.end:
		return a.end < b.end
	case a.Job != b.Job:
		return a.Job < b.Job
	case a.Stage != b.Stage:
		return a.Stage < b.Stage
	}
	return a.Task < b.Task
}

type replay struct {
	t         *testing.T
	scheduler *Scheduler
	profile   *Profile
	jobs      map[uint64]*replayJob
	pending   []pendingTask
	out       strings.Builder
}

func (r *replay) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *replay) reveal(now float64, job *replayJob) {
	left := uint32(0)
	for i, stage := range job.Stages {
		ready := !job.revealed[i]
		for _, parent := range stage.Parents {
			ready = ready && job.tasksLeft[parent] == 0
		}
		if ready {
			info := RevealedStage{Kind: kinds[stage.Kind], Name: stage.Name, Model: stage.Model, Parents: stage.Parents,
				Tasks: stage.Tasks}
			if stage.Choice != nil {
				info.Choice = *stage.Choice + 1
			}
			if stage.PromptTokens != nil {
				info.HasPrompt, info.PromptTokens = true, *stage.PromptTokens
			}
			r.must(r.scheduler.StageRevealed(now, job.ID, uint32(i), info))
			job.revealed[i] = true
			if info.Kind == Dynamic {
				job.tasksLeft[i] = 0
			}
		}
		left += job.tasksLeft[i]
	}
	if left == 0 {
		r.must(r.scheduler.JobFinished(now, job.ID))
		job.over = true
	}
}

func executorOf(h happening) Executor {
	e := Executor{Kind: kinds[h.Kind], Model: h.Model, Capacity: h.Capacity, Price: h.Price}
	for _, point := range h.Curve {
		e.Batch, e.Slowdown = append(e.Batch, point[0]), append(e.Slowdown, point[1])
	}
	return e
}

func (r *replay) drop(gone func(Decision) bool) {
	kept := r.pending[:0]
	for _, p := range r.pending {
		if !gone(p.Decision) {
			kept = append(kept, p)
		}
	}
	r.pending = kept
}

func (r *replay) happen(h happening) {
	s, now := r.scheduler, h.TimeS
	switch h.Type {
	case "arrival":
		job := Job{GivenMeanS: h.GivenMeanS, Tenant: h.Tenant, Weight: h.Weight}
		if h.Profile {
			job.Profile = r.profile
		}
		r.must(s.JobArrived(now, h.ID, job))
		r.reveal(now, r.jobs[h.ID])
		return
	case "executor":
		r.must(s.ExecutorUp(now, h.ID, executorOf(h)))
		return
	case "executor_up":
		r.must(s.ExecutorUp(now, h.Executor, executorOf(h)))
		return
	case "executor_changed":
		r.must(s.ExecutorChanged(now, h.Executor, executorOf(h)))
		return
	case "executor_down":
		r.drop(func(d Decision) bool { return d.Executor == h.Executor })
		r.must(s.ExecutorDown(now, h.Executor))
		return
	}
	if r.jobs[h.Job].over {
		return
	}
	switch h.Type {
	case "job_cancelled":
		r.drop(func(d Decision) bool { return d.Job == h.Job })
		r.must(s.JobCancelled(now, h.Job))
		r.jobs[h.Job].over = true
	case "job_changed":
		r.must(s.JobChanged(now, h.Job, Job{GivenMeanS: h.GivenMeanS}))
	}
}

func (r *replay) end(p pendingTask) {
	if p.fails {
		r.must(r.scheduler.TaskFailed(p.end, p.Job, p.Stage, p.Task))
		return
	}
	job := r.jobs[p.Job]
	alone, output := Unmeasured, Unmeasured
	if job.Stages[p.Stage].Kind == "regular" {
		alone = job.Stages[p.Stage].Seconds
	}
	if tokens := job.Stages[p.Stage].OutputTokens; tokens != nil {
		output = *tokens
	}
	r.must(r.scheduler.TaskFinished(p.end, p.Job, p.Stage, p.Task, alone, output))
	if job.tasksLeft[p.Stage]--; job.tasksLeft[p.Stage] == 0 {
		r.reveal(p.end, job)
	}
}

func (r *replay) takeDecisions(now float64) {
	for {
		d, ok, err := r.scheduler.Next(now)
		r.must(err)
		if !ok {
			return
		}
		job := r.jobs[d.Job]
		seconds := job.Stages[d.Stage].Seconds
		fails := job.failsLeft[d.Stage] > 0
		if fails {
			job.failsLeft[d.Stage]--
			seconds /= 2
		}
		r.pending = append(r.pending, pendingTask{now + seconds, fails, d})
		fmt.Fprintf(&r.out, "%10.4f  job %d stage %d task %d -> executor %d\n", now, d.Job, d.Stage, d.Task, d.Executor)
	}
}

func (r *replay) firstPending() int {
	first := 0
	for i := range r.pending {
		if r.pending[i].before(r.pending[first]) {
			first = i
		}
	}
	return first
}

func (r *replay) run(timeline []happening) {
	now := 0.0
	for len(timeline) > 0 || len(r.pending) > 0 {
		now = math.Inf(1)
		if len(timeline) > 0 {
			now = timeline[0].TimeS
		}
		if len(r.pending) > 0 {
			now = math.Min(now, r.pending[r.firstPending()].end)
		}
		for len(r.pending) > 0 && r.pending[r.firstPending()].end == now {
			first := r.firstPending()
			ended := r.pending[first]
			r.pending = append(r.pending[:first], r.pending[first+1:]...)
			r.end(ended)
		}
		for len(timeline) > 0 && timeline[0].TimeS == now {
			r.happen(timeline[0])
			timeline = timeline[1:]
		}
		r.takeDecisions(now)
	}
	stats, err := r.scheduler.Stats()
	r.must(err)
	fmt.Fprintf(&r.out, "%10.4f  the end: %d decisions, %d jobs left\n", now, stats.Decisions, stats.Jobs)
}

func replayPolicy(t *testing.T, context *Context, profile *Profile, s scenario, policy string) string {
	scheduler, err := NewScheduler(context, SchedulerOptions{Policy: policy, Seed: s.Seed})
	r := &replay{t: t, scheduler: scheduler, profile: profile, jobs: map[uint64]*replayJob{}}
	r.must(err)
	defer scheduler.Close()
	var timeline []happening
	for _, h := range s.Executors {
		h.Type = "executor"
		timeline = append(timeline, h)
	}
	for _, h := range s.Jobs {
		h.Type, h.TimeS = "arrival", h.ArrivalS
		job := &replayJob{happening: h, revealed: make([]bool, len(h.Stages))}
		for _, stage := range h.Stages {
			tasks := stage.Tasks
			if tasks == 0 {
				tasks = 1
			}
			job.tasksLeft, job.failsLeft = append(job.tasksLeft, tasks), append(job.failsLeft, stage.Fails)
		}
		r.jobs[h.ID] = job
		timeline = append(timeline, h)
	}
	timeline = append(timeline, s.Events...)
	sort.SliceStable(timeline, func(i, j int) bool { return timeline[i].TimeS < timeline[j].TimeS })
	fmt.Fprintf(&r.out, "policy %s\n", policy)
	r.run(timeline)
	return r.out.String()
}

func golden(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "tests", "golden", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRecordedScenario(t *testing.T) {
	var s scenario
	if err := json.Unmarshal(golden(t, "scenario.json"), &s); err != nil {
		t.Fatal(err)
	}
	context := newContext(t)
	profile, err := ParseProfile(context, golden(t, "profile.json"))
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, policy := range s.Policies {
		out += replayPolicy(t, context, profile, s, policy)
	}
	if expected := string(golden(t, "scenario.decisions.txt")); out != expected {
		t.Fatalf("other decisions than in tests/golden/scenario.decisions.txt:\n%s", out)
	}
}
