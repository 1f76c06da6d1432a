// The reference for Basphere's policies: it answers what Gatekeeper and OPA would.
//
// Each line of standard input is a request, a JSON object with a "kind"; each gets one line on standard output, in the
// same order. Verdicts come from the code of Gatekeeper and of its constraint framework themselves, called as gator
// calls them with its CEL switched off: what stands here only carries JSON to them and back.
//
// An answer without a verdict is {"error": "<stage>", "message": "<text>"}, where the stage is one of the constants
// below.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"
)

// Where a request ended that has no verdict.
const (
	// The request itself is not understood.
	stageRequest = "request"
	// The Rego was refused before anything was evaluated.
	stageCompile = "compile"
	// The evaluation failed; Gatekeeper makes a violation of its message.
	stageEval = "eval"
	// The evaluation ended, and Gatekeeper refuses what it yields: a message that is no string, for example.
	stageResult = "result"
	// The constraint was refused, or does not fit its template.
	stageConstraint = "constraint"
	// The constraint's match block could not be applied to the object; Gatekeeper makes a violation of its message.
	stageMatch = "match"
	// gator ends with this message.
	stageGator = "gator"
	// The reference itself panicked.
	stagePanic = "panic"
)

// How long one request may take: far more than any needs that is worth asking.
const patience = 30 * time.Second

// answers holds what answers each kind of request.
var answers = map[string]func(context.Context, []byte) (any, error){
	"violations": violations,
	"eval":       eval,
	"match":      match,
	"test":       test,
	"review":     review,
}

// failure is the end of a request that has no verdict.
type failure struct {
	stage string
	cause error
}

func (f *failure) Error() string { return f.cause.Error() }

func failed(stage string, cause error) error { return &failure{stage: stage, cause: cause} }

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// serve answers until there is nothing more to read.
func serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if err := encoder.Encode(answer(line)); err != nil {
				return fmt.Errorf("writing an answer: %w", err)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a request: %w", err)
		}
	}
}

// answer answers one request, whatever happens on the way.
func answer(line []byte) (result any) {
	defer func() {
		if reason := recover(); reason != nil {
			result = refusal(failed(stagePanic, fmt.Errorf("%v", reason)))
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var request struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(line, &request); err != nil {
		return refusal(failed(stageRequest, err))
	}
	handler, found := answers[request.Kind]
	if !found {
		return refusal(failed(stageRequest, fmt.Errorf("there is no kind %q", request.Kind)))
	}
	result, err := handler(ctx, line)
	if err != nil {
		return refusal(err)
	}
	return result
}

// refusal is the answer to a request that has no verdict.
func refusal(err error) any {
	stage := stageRequest
	var failure *failure
	if errors.As(err, &failure) {
		stage = failure.stage
	}
	return map[string]string{"error": stage, "message": err.Error()}
}
