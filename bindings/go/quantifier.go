// SPDX-License-Identifier: Apache-2.0

package llmsched

/*
#include <llmsched/llmsched.h>
*/
import "C"

import "runtime"

// EvidenceState is what is known of a stage of a job.
type EvidenceState uint32

// Values of EvidenceState.
const (
	Unknown  EvidenceState = C.LLMSCHED_EVIDENCE_UNKNOWN
	Absent   EvidenceState = C.LLMSCHED_EVIDENCE_ABSENT
	Present  EvidenceState = C.LLMSCHED_EVIDENCE_PRESENT
	Finished EvidenceState = C.LLMSCHED_EVIDENCE_FINISHED
	Partial  EvidenceState = C.LLMSCHED_EVIDENCE_PARTIAL
)

// Evidence on one stage.
type Evidence struct {
	State        EvidenceState
	Choice       uint32 // dynamic stages that are finished: the candidate chosen plus 1; 0: not known
	HasPrompt    bool
	WorkS        float64
	PromptTokens float64
	Ended        uint32 // aggregate stages: how many of their stages have ended
}

// Quantifier holds the belief about one job at a time.
type Quantifier struct {
	ptr  *C.llmsched_quantifier
	room int // points that a distribution may have
}

// NewQuantifier makes a quantifier for jobs of a profile; seed is that of its draws.
func NewQuantifier(profile *Profile, seed uint64) (*Quantifier, error) {
	if profile.ptr == nil {
		return nil, closedError("Profile")
	}
	o := C.llmsched_quantifier_options{size: C.sizeof_llmsched_quantifier_options, seed: C.uint64_t(seed)}
	q := &Quantifier{room: 512}
	if stages := 8 * int(C.llmsched_dag_stage_count(C.llmsched_profile_dag(profile.ptr))); stages > q.room {
		q.room = stages
	}
	e := newError()
	err := failure(C.llmsched_quantifier_create(profile.ptr, &o, &q.ptr, &e), &e)
	runtime.KeepAlive(profile)
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(q, (*Quantifier).Close)
	return q, nil
}

// Close ends the quantifier.
func (q *Quantifier) Close() {
	ptr := q.ptr
	q.ptr = nil
	runtime.SetFinalizer(q, nil)
	if ptr != nil {
		C.llmsched_quantifier_destroy(ptr)
	}
}

// SetEvidence says what is known of each stage of the template; it replaces what was known.
func (q *Quantifier) SetEvidence(evidence []Evidence) error {
	if q.ptr == nil {
		return closedError("Quantifier")
	}
	array := make([]C.llmsched_stage_evidence, len(evidence)+1)
	for i, v := range evidence {
		array[i] = C.llmsched_stage_evidence{size: C.sizeof_llmsched_stage_evidence, state: C.uint32_t(v.State),
			choice: C.uint32_t(v.Choice), work_s: C.double(v.WorkS), prompt_tokens: C.double(v.PromptTokens),
			ended: C.uint32_t(v.Ended)}
		if v.HasPrompt {
			array[i].has_prompt = 1
		}
	}
	e := newError()
	err := failure(C.llmsched_quantifier_set_evidence(q.ptr, &array[0], C.uint32_t(len(evidence)), &e), &e)
	runtime.KeepAlive(q)
	return err
}

// SetProgress says what a Progress of the same profile has been told; it replaces what was known.
func (q *Quantifier) SetProgress(progress *Progress) error {
	if q.ptr == nil {
		return closedError("Quantifier")
	}
	if progress.ptr == nil {
		return closedError("Progress")
	}
	e := newError()
	err := failure(C.llmsched_quantifier_set_progress(q.ptr, progress.ptr, &e), &e)
	runtime.KeepAlive(q)
	runtime.KeepAlive(progress)
	return err
}

// Forecast of the remaining work of one kind of stage by a method (ByForest, ...): its mean, and a quantile for each
// level, which lie in (0, 1). All methods but ByNetwork need SetProgress.
func (q *Quantifier) Forecast(kind Kind, method uint32, levels []float64) (meanS float64, quantiles []float64, err error) {
	var a arena
	defer a.free()
	room := a.doubles(levels)
	meanS, err = q.number(func(value *C.double, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_quantifier_forecast(q.ptr, C.uint32_t(kind), C.uint32_t(method), a.doubles(levels),
			C.uint32_t(len(levels)), room, value, e)
	})
	if err != nil {
		return 0, nil, err
	}
	return meanS, copyDoubles(room, len(levels)), nil
}

// Remaining work: expected, least and greatest likely.
type Remaining struct{ MeanS, LoS, HiS float64 }

// Remaining work of one kind of stage; 0: of both together.
func (q *Quantifier) Remaining(kind Kind) (Remaining, error) {
	if q.ptr == nil {
		return Remaining{}, closedError("Quantifier")
	}
	r := C.llmsched_remaining{size: C.sizeof_llmsched_remaining}
	e := newError()
	err := failure(C.llmsched_quantifier_remaining(q.ptr, C.uint32_t(kind), &r, &e), &e)
	runtime.KeepAlive(q)
	return Remaining{float64(r.mean_s), float64(r.lo_s), float64(r.hi_s)}, err
}

// Belief about one stage.
type Belief struct{ Presence, MeanWorkS, MinimumS, MaximumS, Entropy float64 }

// Stage reads the belief about a stage.
func (q *Quantifier) Stage(stage uint32) (Belief, error) {
	if q.ptr == nil {
		return Belief{}, closedError("Quantifier")
	}
	b := C.llmsched_stage_belief{size: C.sizeof_llmsched_stage_belief}
	e := newError()
	err := failure(C.llmsched_quantifier_stage(q.ptr, C.uint32_t(stage), &b, &e), &e)
	runtime.KeepAlive(q)
	return Belief{float64(b.presence), float64(b.mean_work_s), float64(b.minimum_s), float64(b.maximum_s),
		float64(b.entropy)}, err
}

// number calls a function that gives one value.
func (q *Quantifier) number(call func(value *C.double, e *C.llmsched_error) C.llmsched_status) (float64, error) {
	if q.ptr == nil {
		return 0, closedError("Quantifier")
	}
	var value C.double
	e := newError()
	err := failure(call(&value, &e), &e)
	runtime.KeepAlive(q)
	return float64(value), err
}

// Reduction is the uncertainty that finishing a present stage takes away.
func (q *Quantifier) Reduction(stage uint32) (float64, error) {
	return q.number(func(value *C.double, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_quantifier_reduction(q.ptr, C.uint32_t(stage), value, e)
	})
}

// Variance of the remaining work of one kind of stage; 0: of both together.
func (q *Quantifier) Variance(kind Kind) (float64, error) {
	return q.number(func(value *C.double, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_quantifier_variance(q.ptr, C.uint32_t(kind), value, e)
	})
}

// CriticalPath is the mean of the remaining critical path.
func (q *Quantifier) CriticalPath() (float64, error) {
	return q.number(func(value *C.double, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_quantifier_critical_path(q.ptr, value, e)
	})
}

// Entropy of a stage's variable, nats.
func (q *Quantifier) Entropy(stage uint32) (float64, error) {
	return q.number(func(value *C.double, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_quantifier_entropy(q.ptr, C.uint32_t(stage), value, e)
	})
}

// Information is I(stage ; others | evidence), the others taken together, nats.
func (q *Quantifier) Information(stage uint32, others []uint32) (float64, error) {
	var a arena
	defer a.free()
	return q.number(func(value *C.double, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_quantifier_information(q.ptr, C.uint32_t(stage), a.uint32s(others), C.uint32_t(len(others)), value, e)
	})
}

// Quantiles of the remaining work; levels lie in (0, 1).
func (q *Quantifier) Quantiles(kind Kind, levels []float64) ([]float64, error) {
	if q.ptr == nil {
		return nil, closedError("Quantifier")
	}
	var a arena
	defer a.free()
	quantiles := a.doubles(levels)
	e := newError()
	err := failure(C.llmsched_quantifier_quantiles(q.ptr, C.uint32_t(kind), a.doubles(levels), C.uint32_t(len(levels)),
		quantiles, &e), &e)
	runtime.KeepAlive(q)
	if err != nil {
		return nil, err
	}
	return copyDoubles(quantiles, len(levels)), nil
}

// Form is how a distribution was found.
type Form uint32

// Forms.
const (
	Points Form = C.LLMSCHED_FORM_POINTS
	Grid   Form = C.LLMSCHED_FORM_GRID
	Draws  Form = C.LLMSCHED_FORM_DRAWS
)

// Distribution has values in ascending order with their probabilities, or quantiles with their levels, and says how
// near they are to those under the network.
type Distribution struct {
	Form                                       Form
	Values, Probabilities                      []float64
	MeanS, MeanErrorS, ValueErrorS, LevelError float64
}

func newDistribution(d *C.llmsched_distribution, values, probabilities []float64) Distribution {
	return Distribution{Form(d.form), values, probabilities, float64(d.mean_s), float64(d.mean_error_s),
		float64(d.value_error_s), float64(d.level_error)}
}

// Distribution of the remaining work of one kind of stage; 0: of both together.
func (q *Quantifier) Distribution(kind Kind) (Distribution, error) {
	if q.ptr == nil {
		return Distribution{}, closedError("Quantifier")
	}
	var a arena
	defer a.free()
	values, probabilities := a.doubles(make([]float64, q.room)), a.doubles(make([]float64, q.room))
	d := C.llmsched_distribution{size: C.sizeof_llmsched_distribution}
	e := newError()
	err := failure(C.llmsched_quantifier_distribution(q.ptr, C.uint32_t(kind), values, probabilities, C.uint32_t(q.room),
		&d, &e), &e)
	runtime.KeepAlive(q)
	if err != nil {
		return Distribution{}, err
	}
	return newDistribution(&d, copyDoubles(values, int(d.count)), copyDoubles(probabilities, int(d.count))), nil
}

// Path is the remaining critical path: its quantiles at the levels, which lie in (0, 1).
func (q *Quantifier) Path(levels []float64) (Distribution, error) {
	if q.ptr == nil {
		return Distribution{}, closedError("Quantifier")
	}
	var a arena
	defer a.free()
	quantiles := a.doubles(levels)
	d := C.llmsched_distribution{size: C.sizeof_llmsched_distribution}
	e := newError()
	err := failure(C.llmsched_quantifier_path(q.ptr, a.doubles(levels), C.uint32_t(len(levels)), quantiles, &d, &e), &e)
	runtime.KeepAlive(q)
	if err != nil {
		return Distribution{}, err
	}
	return newDistribution(&d, copyDoubles(quantiles, len(levels)), levels), nil
}

// GittinsIndex of a distribution at an age; values ascend, shares stand beside them.
func GittinsIndex(values, shares []float64, age float64) (float64, error) {
	if len(values) != len(shares) {
		return 0, &Error{Status: ErrInvalid, Message: "values and shares differ in length"}
	}
	var a arena
	defer a.free()
	var index C.double
	e := newError()
	err := failure(C.llmsched_gittins_index(a.doubles(values), a.doubles(shares), C.uint32_t(len(values)), C.double(age),
		&index, &e), &e)
	return float64(index), err
}
