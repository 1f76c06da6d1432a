package main

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"

	driver "github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers/rego"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers/rego/schema"
	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/frameworks/constraint/pkg/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The kind and the name of the only constraint of a request.
const (
	kind = "Oracle"
	name = "oracle"
)

// evaluationError is how messages of OPA's evaluator begin, after the place if they have one.
var evaluationError = regexp.MustCompile(`^(\S+:\d+: )?eval_[a-z_]+: `)

// violations asks Gatekeeper's driver for Rego what one constraint of one template says of one review.
//
// Here "review" is all of input.review, in whatever shape, and "inventory" all of data.inventory. The violations come in
// the order of OPA's sets.
func violations(ctx context.Context, line []byte) (any, error) {
	var request struct {
		schema.Source
		Parameters json.RawMessage `json:"parameters"`
		Review     json.RawMessage `json:"review"`
		Inventory  json.RawMessage `json:"inventory"`
	}
	if err := json.Unmarshal(line, &request); err != nil {
		return nil, err
	}
	rego, err := driver.New()
	if err != nil {
		return nil, err
	}
	if err := rego.AddTemplate(ctx, template(&request.Source)); err != nil {
		return nil, failed(stageCompile, err)
	}
	constraint, err := constraint("parameters", request.Parameters)
	if err != nil {
		return nil, err
	}
	if err := rego.AddConstraint(ctx, constraint); err != nil {
		return nil, failed(stageConstraint, err)
	}
	if len(request.Inventory) > 0 {
		// As Gatekeeper's client does before it hands objects to its drivers: numbers become floats.
		var inventory any
		if err := json.Unmarshal(request.Inventory, &inventory); err != nil {
			return nil, err
		}
		if err := rego.AddData(ctx, target.Name, storage.Path{}, inventory); err != nil {
			return nil, err
		}
	}
	response, err := rego.Query(ctx, target.Name, []*unstructured.Unstructured{constraint}, request.Review)
	if err != nil {
		return nil, failed(stageResult, err)
	}
	return verdict(response.Results)
}

// template is a template of this source; its schema is of no concern to the driver.
func template(source *schema.Source) *templates.ConstraintTemplate {
	code := templates.Code{Engine: schema.Name, Source: &templates.Anything{Value: source.ToUnstructured()}}
	return &templates.ConstraintTemplate{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: templates.ConstraintTemplateSpec{
			CRD:     templates.CRD{Spec: templates.CRDSpec{Names: templates.Names{Kind: kind}}},
			Targets: []templates.Target{{Target: target.Name, Code: []templates.Code{code}}},
		},
	}
}

// constraint has this value in this field of its spec, read as Gatekeeper reads constraints: whole numbers stay whole.
func constraint(field string, value json.RawMessage) (*unstructured.Unstructured, error) {
	spec := map[string]json.RawMessage{}
	if len(value) > 0 {
		spec[field] = value
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": "constraints.gatekeeper.sh/v1beta1",
		"kind":       kind,
		"metadata":   map[string]string{"name": name},
		"spec":       spec,
	})
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	return object, object.UnmarshalJSON(text)
}

// verdict is the answer for these results, of which those with an evaluator's message in place of details are its errors.
func verdict(results []*types.Result) (any, error) {
	type violation struct {
		Message string `json:"msg"`
		Details any    `json:"details"`
	}
	found := []violation{}
	for _, result := range results {
		details := result.Metadata["details"]
		if details == nil && evaluationError.MatchString(result.Msg) {
			return nil, failed(stageEval, errors.New(result.Msg))
		}
		found = append(found, violation{Message: result.Msg, Details: details})
	}
	return map[string]any{"violations": found}, nil
}

// eval evaluates a query against one module, with the settings of Gatekeeper's driver.
//
// The answer has the value of the query's first expression in its first result, or says that there is none.
func eval(ctx context.Context, line []byte) (any, error) {
	var request struct {
		Version string         `json:"version"`
		Module  string         `json:"module"`
		Query   string         `json:"query"`
		Input   any            `json:"input"`
		Data    map[string]any `json:"data"`
	}
	if err := json.Unmarshal(line, &request); err != nil {
		return nil, err
	}
	compiler, err := compile(request.Module, request.Version)
	if err != nil {
		return nil, failed(stageCompile, err)
	}
	input, err := ast.InterfaceToValue(request.Input)
	if err != nil {
		return nil, err
	}
	results, err := rego.New(
		rego.Compiler(compiler),
		rego.Store(inmem.NewFromObjectWithOpts(request.Data, inmem.OptRoundTripOnWrite(false))),
		rego.ParsedInput(input),
		rego.Query(request.Query),
		rego.SetRegoVersion(ast.RegoV0),
	).Eval(ctx)
	if err != nil {
		return nil, failed(stageEval, err)
	}
	if len(results) == 0 || len(results[0].Expressions) == 0 {
		return map[string]any{"undefined": true}, nil
	}
	return map[string]any{"value": results[0].Expressions[0].Value}, nil
}

// compile compiles one module with all of OPA's builtins, as Gatekeeper's driver does by default.
func compile(text, version string) (*ast.Compiler, error) {
	regoVersion := ast.RegoV0
	if version == "v1" {
		regoVersion = ast.RegoV1
	}
	module, err := ast.ParseModuleWithOpts("module", text, ast.ParserOptions{RegoVersion: regoVersion})
	if err != nil {
		return nil, err
	}
	compiler := ast.NewCompiler().WithCapabilities(ast.CapabilitiesForThisVersion())
	compiler.Compile(map[string]*ast.Module{"module": module})
	if compiler.Failed() {
		return nil, compiler.Errors
	}
	return compiler, nil
}
