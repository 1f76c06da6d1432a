// A simulated vCenter for tests of Cluster API's vSphere provider.
//
// It is govmomi's simulator with what a rig needs beside it: VM templates of given names to clone from, machines that
// report the address of their cloud-init metadata once they are on, as VMware Tools would, and a small HTTP server on
// which tests see the machines and break them.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	_ "github.com/vmware/govmomi/pbm/simulator"
	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// How often machines are looked at: an address is reported within this time of power-on.
const pause = 300 * time.Millisecond

// names collects the values of a flag that may be given several times.
type names []string

func (n *names) String() string         { return strings.Join(*n, ",") }
func (n *names) Set(value string) error { *n = append(*n, value); return nil }

func main() {
	var templates names
	vcenter := flag.String("vcenter", "127.0.0.1:8989", "where the vCenter listens")
	control := flag.String("control", "127.0.0.1:8990", "where machines are shown and broken, by plain HTTP")
	flag.Var(&templates, "template", "name of a VM template; may be given several times")
	flag.Parse()
	if err := run(*vcenter, *control, templates); err != nil {
		log.Fatal(err)
	}
}

func run(vcenter, control string, templates []string) error {
	model := simulator.VPX()
	model.Machine = 1
	if err := model.Create(); err != nil {
		return fmt.Errorf("making the inventory: %w", err)
	}
	user := url.UserPassword("user", "pass")
	model.Service.TLS = new(tls.Config)
	model.Service.RegisterEndpoints = true
	model.Service.Listen = &url.URL{Scheme: "https", Host: vcenter, User: user, Path: "/sdk"}
	server := model.Service.NewServer()
	defer server.Close()

	ctx := context.Background()
	address := *server.URL
	address.User = user
	client, err := govmomi.NewClient(ctx, &address, true)
	if err != nil {
		return fmt.Errorf("logging in: %w", err)
	}
	if err := makeTemplates(ctx, client, templates); err != nil {
		return err
	}
	watch := &watcher{client: client}
	if err := watch.look(ctx); err != nil {
		return err
	}
	go watch.keepLooking(ctx)
	about := about{Server: address.Host, Thumbprint: server.CertificateInfo().ThumbprintSHA1}
	return http.ListenAndServe(control, handler(watch, about))
}

// makeTemplates leaves exactly these machines, as templates, of those that the simulator starts with.
func makeTemplates(ctx context.Context, client *govmomi.Client, templates []string) error {
	finder := find.NewFinder(client.Client)
	datacenter, err := finder.Datacenter(ctx, "DC0")
	if err != nil {
		return fmt.Errorf("looking for the datacenter: %w", err)
	}
	given, err := finder.SetDatacenter(datacenter).VirtualMachineList(ctx, "*")
	if err != nil {
		return fmt.Errorf("looking for machines: %w", err)
	}
	folders, err := datacenter.Folders(ctx)
	if err != nil {
		return fmt.Errorf("looking for folders: %w", err)
	}
	for _, machine := range given {
		if err := done(ctx)(machine.PowerOff(ctx)); err != nil {
			return fmt.Errorf("powering off %s: %w", machine.Name(), err)
		}
	}
	for _, name := range templates {
		if err := makeTemplate(ctx, given[0], folders.VmFolder, name); err != nil {
			return fmt.Errorf("making template %s: %w", name, err)
		}
	}
	for _, machine := range given {
		if err := done(ctx)(machine.Destroy(ctx)); err != nil {
			return fmt.Errorf("removing %s: %w", machine.Name(), err)
		}
	}
	return nil
}

func makeTemplate(ctx context.Context, from *object.VirtualMachine, folder *object.Folder, name string) error {
	spec := types.VirtualMachineCloneSpec{Template: true}
	return done(ctx)(from.Clone(ctx, folder, name, spec))
}

// done waits for a task that a call returned.
func done(ctx context.Context) func(*object.Task, error) error {
	return func(task *object.Task, err error) error {
		if err != nil {
			return err
		}
		return task.Wait(ctx)
	}
}
