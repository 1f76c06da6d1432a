package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/open-policy-agent/frameworks/constraint/pkg/apis"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator/reader"
	gatortest "github.com/open-policy-agent/gatekeeper/v3/pkg/gator/test"
	mutation "github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/util"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// request is what Gatekeeper knows of an admission besides the policies.
//
// "namespace" is the Namespace of the object, and absent where Gatekeeper would not know it; "source" is "Original"
// unless given.
type request struct {
	Request   *admissionv1.AdmissionRequest `json:"request"`
	Namespace *corev1.Namespace             `json:"namespace"`
	Source    mutation.SourceType           `json:"source"`
}

// augmented is the request in the form that Gatekeeper's target takes.
func (r *request) augmented() (target.AugmentedReview, error) {
	if r.Request == nil {
		return target.AugmentedReview{}, errors.New(`"request" is missing`)
	}
	source := r.Source
	if source == "" {
		source = mutation.SourceTypeOriginal
	}
	return target.AugmentedReview{AdmissionRequest: r.Request, Namespace: r.Namespace, Source: source}, nil
}

// match asks Gatekeeper's target whether a constraint with this match block is for this request.
func match(_ context.Context, line []byte) (any, error) {
	var asked struct {
		request
		Match json.RawMessage `json:"match"`
	}
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, err
	}
	augmented, err := asked.augmented()
	if err != nil {
		return nil, err
	}
	constraint, err := constraint("match", asked.Match)
	if err != nil {
		return nil, err
	}
	handler := &target.K8sValidationTarget{}
	if err := handler.ValidateConstraint(constraint); err != nil {
		return nil, failed(stageConstraint, err)
	}
	matcher, err := handler.ToMatcher(constraint)
	if err != nil {
		return nil, failed(stageConstraint, err)
	}
	_, reviewed, err := handler.HandleReview(augmented)
	if err != nil {
		return nil, failed(stageMatch, err)
	}
	matches, err := matcher.Match(reviewed)
	if err != nil {
		return nil, failed(stageMatch, err)
	}
	return map[string]any{"matches": matches}, nil
}

// test gives the results of "gator test" for these objects, in its order.
func test(_ context.Context, line []byte) (any, error) {
	var asked struct {
		Objects []*unstructured.Unstructured `json:"objects"`
	}
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, err
	}
	responses, err := gatortest.Test(asked.Objects)
	if err != nil {
		return nil, failed(stageGator, err)
	}
	return map[string]any{"results": responses.Results()}, nil
}

// review asks Gatekeeper's client for the results of a request, as "gator verify" does for an AdmissionReview.
//
// Templates and constraints of "objects" are the policies, and all others are data.inventory.
func review(ctx context.Context, line []byte) (any, error) {
	var asked struct {
		request
		Objects []*unstructured.Unstructured `json:"objects"`
	}
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, err
	}
	augmented, err := asked.augmented()
	if err != nil {
		return nil, err
	}
	client, err := gator.NewOPAClient(false)
	if err != nil {
		return nil, err
	}
	if err := load(ctx, client, asked.Objects); err != nil {
		return nil, err
	}
	options := []reviews.ReviewOpt{reviews.EnforcementPoint(util.GatorEnforcementPoint)}
	if asked.Namespace != nil {
		namespace, err := runtime.DefaultUnstructuredConverter.ToUnstructured(asked.Namespace)
		if err != nil {
			return nil, err
		}
		options = append(options, reviews.Namespace(namespace))
	}
	responses, err := client.Review(ctx, augmented, options...)
	if err != nil {
		return nil, failed(stageResult, err)
	}
	return map[string]any{"results": responses.Results()}, nil
}

// load adds templates first, since a constraint needs its template.
func load(ctx context.Context, client gator.Client, objects []*unstructured.Unstructured) error {
	scheme := runtime.NewScheme()
	if err := apis.AddToScheme(scheme); err != nil {
		return err
	}
	for _, object := range objects {
		if !reader.IsTemplate(object) {
			continue
		}
		template, err := reader.ToTemplate(scheme, object)
		if err != nil {
			return failed(stageCompile, err)
		}
		if _, err := client.AddTemplate(ctx, template); err != nil {
			return failed(stageCompile, err)
		}
	}
	for _, object := range objects {
		switch {
		case reader.IsTemplate(object):
		case reader.IsConstraint(object):
			if _, err := client.AddConstraint(ctx, object); err != nil {
				return failed(stageConstraint, err)
			}
		default:
			if _, err := client.AddData(ctx, object); err != nil {
				return failed(stageRequest, err)
			}
		}
	}
	return nil
}
