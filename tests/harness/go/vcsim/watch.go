package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"log"
	"regexp"
	"sync"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// The list of static addresses in cloud-init metadata, and one address of such a list.
var (
	addressLists = regexp.MustCompile(`addresses:\s*\n((?:\s*- "?[0-9a-fA-F.:]+/[0-9]+"?\s*\n)+)`)
	oneAddress   = regexp.MustCompile(`- "?([0-9a-fA-F.:]+)/`)
)

// machine is a virtual machine as tests see it.
type machine struct {
	Name      string   `json:"name"`
	Power     string   `json:"power"`
	Template  bool     `json:"template"`
	UUID      string   `json:"uuid"`
	Reported  string   `json:"reported"`
	Addresses []string `json:"addresses"`
	Metadata  string   `json:"metadata"`

	reference types.ManagedObjectReference
}

// watcher knows the machines as they were a moment ago, and lets those that are on report their addresses.
type watcher struct {
	client *govmomi.Client

	mutex    sync.Mutex
	machines []machine
}

func (w *watcher) list() []machine {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.machines
}

func (w *watcher) keepLooking(ctx context.Context) {
	for {
		time.Sleep(pause)
		// A machine may vanish between being listed and being read; the next look sees that.
		if err := w.look(ctx); err != nil {
			log.Print(err)
		}
	}
}

func (w *watcher) look(ctx context.Context) error {
	machines, err := read(ctx, w.client)
	if err != nil {
		return fmt.Errorf("reading machines: %w", err)
	}
	w.mutex.Lock()
	w.machines = machines
	w.mutex.Unlock()
	for _, m := range machines {
		if m.Power != "poweredOn" || len(m.Addresses) == 0 || m.Reported == m.Addresses[0] {
			continue
		}
		if err := report(ctx, w.client, m); err != nil {
			log.Printf("%s reports its address: %v", m.Name, err)
		}
	}
	return nil
}

// report makes a machine say that it has its first address: the simulator takes what is under SET as a property.
func report(ctx context.Context, client *govmomi.Client, m machine) error {
	option := &types.OptionValue{Key: "SET.guest.ipAddress", Value: m.Addresses[0]}
	spec := types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{option}}
	return done(ctx)(object.NewVirtualMachine(client.Client, m.reference).Reconfigure(ctx, spec))
}

func read(ctx context.Context, client *govmomi.Client) ([]machine, error) {
	manager := view.NewManager(client.Client)
	all, err := manager.CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		return nil, err
	}
	defer all.Destroy(ctx)
	properties := []string{"name", "config", "runtime.powerState", "guest.ipAddress"}
	var found []mo.VirtualMachine
	if err := all.Retrieve(ctx, []string{"VirtualMachine"}, properties, &found); err != nil {
		return nil, err
	}
	machines := make([]machine, 0, len(found))
	for _, vm := range found {
		machines = append(machines, describe(vm))
	}
	return machines, nil
}

func describe(vm mo.VirtualMachine) machine {
	m := machine{Name: vm.Name, Power: string(vm.Runtime.PowerState), Addresses: []string{}, reference: vm.Self}
	if vm.Guest != nil {
		m.Reported = vm.Guest.IpAddress
	}
	if vm.Config == nil {
		return m
	}
	m.UUID, m.Template = vm.Config.Uuid, vm.Config.Template
	for _, option := range vm.Config.ExtraConfig {
		value := option.GetOptionValue()
		if value.Key == "guestinfo.metadata" {
			m.Metadata = decode(fmt.Sprint(value.Value))
		}
	}
	for _, list := range addressLists.FindAllStringSubmatch(m.Metadata, -1) {
		for _, address := range oneAddress.FindAllStringSubmatch(list[1], -1) {
			m.Addresses = append(m.Addresses, address[1])
		}
	}
	return m
}

func decode(value string) string {
	text, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return value
	}
	return string(text)
}
