package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"

	"github.com/vmware/govmomi/object"
)

// about says where the vCenter is, and how its certificate is known.
type about struct {
	Server     string `json:"server"`
	Thumbprint string `json:"thumbprint"`
}

// handler serves:
//
//	GET    /about                where the vCenter is
//	GET    /vms                  all machines
//	POST   /vms/NAME/power-off   a machine stops
//	DELETE /vms/NAME             a machine is gone, without anybody having been told
func handler(watch *watcher, about about) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /about", func(w http.ResponseWriter, _ *http.Request) { answer(w, about) })
	mux.HandleFunc("GET /vms", func(w http.ResponseWriter, _ *http.Request) { answer(w, watch.list()) })
	mux.HandleFunc("POST /vms/{name}/power-off", watch.with(func(ctx context.Context, vm *object.VirtualMachine) error {
		return done(ctx)(vm.PowerOff(ctx))
	}))
	mux.HandleFunc("DELETE /vms/{name}", watch.with(func(ctx context.Context, vm *object.VirtualMachine) error {
		// One that is off already is as good.
		_ = done(ctx)(vm.PowerOff(ctx))
		return done(ctx)(vm.Destroy(ctx))
	}))
	return mux
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Print(err)
	}
}

// with does something to the machine that the path names.
func (w *watcher) with(do func(context.Context, *object.VirtualMachine) error) http.HandlerFunc {
	return func(response http.ResponseWriter, request *http.Request) {
		name := request.PathValue("name")
		for _, m := range w.list() {
			if m.Name != name {
				continue
			}
			if err := do(request.Context(), object.NewVirtualMachine(w.client.Client, m.reference)); err != nil {
				http.Error(response, err.Error(), http.StatusInternalServerError)
			}
			return
		}
		http.Error(response, "no machine "+name, http.StatusNotFound)
	}
}
